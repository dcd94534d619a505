import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderHistory } from '../../../src/cli/render/history.ts';
import type { HistoryEntry } from '../../../src/switch/history.ts';
import { confirmedEntry, returnedEntry } from '../../../src/trial/trial-entry.ts';
import { machineAtHome, machineOnTrial, NOW_MS, trialTicket } from '../../support/trial-world.ts';

const plain = { style: (_style: string, text: string) => text };

function rowOf(entry: HistoryEntry): string {
  return renderHistory([entry], plain).split('\n')[1]!;
}

test('a trial that came home shows its cause, its phase and how long it took', () => {
  const end = {
    verdict: 'returned',
    cause: 'unhealthy',
    detail: 'nginx is down',
    phase: 'services',
  } as const;
  const entry = returnedEntry(trialTicket(), { ...end, returnMs: 8000 }, machineAtHome());
  assert.match(
    rowOf(entry),
    /^2027-01-15 07:58:58 UTC {2}trial {2}6\.1\.0-50-amd64 -> 6\.12\.9-amd64 {2}file +load 1\.0 s, home 8\.0 s +came home to 6\.1\.0-50-amd64; unhealthy in phase services: nginx is down$/,
  );
});

test('ways home are shown where the first one did not do', () => {
  const end = { verdict: 'returned', cause: 'asked', detail: 'khop back', phase: 'proof' } as const;
  const outcomeOf = (ways: string[] | undefined) =>
    rowOf(returnedEntry(trialTicket(), { ...end, returnMs: null, ways }, machineAtHome()))
      .split('; ')
      .slice(1);
  assert.deepEqual(outcomeOf(undefined), ['asked in phase proof: khop back']);
  assert.deepEqual(outcomeOf(['home-orderly']), outcomeOf(undefined));
  assert.deepEqual(outcomeOf(['home-orderly', 'home-now']), [
    'asked in phase proof: khop back',
    'ways home that were tried: home-orderly, home-now',
  ]);
});

test('a confirmed trial says whether the kernel starts by itself', () => {
  const end = {
    verdict: 'confirmed',
    cause: null,
    detail: 'confirmed; it starts by itself',
    phase: 'confirmed',
  } as const;
  const entry = confirmedEntry(trialTicket(), { ...end, returnMs: null }, machineOnTrial(), NOW_MS);
  assert.match(
    rowOf(entry),
    /down 18\.0 s, up 12\.0 s +arrived on 6\.12\.9-amd64; confirmed; it starts by itself$/,
  );
});

test('a measured switch says when init and the default target were there, and what took longest', () => {
  const end = { verdict: 'confirmed', cause: null, detail: 'confirmed', phase: 'confirmed' } as const;
  const entry = confirmedEntry(trialTicket(), { ...end, returnMs: null }, machineOnTrial(), NOW_MS);
  const slow = [
    { unit: 'ssh.service', tookMs: 3400 },
    { unit: 'cron.service', tookMs: 20 },
  ];
  const times = (initMs: number | null, finishedMs: number | null, slowest = slow): string => {
    const measured = { version: 1, kind: 'arrival', id: entry.id, atMs: NOW_MS, initrdMs: 900 } as const;
    const arrival: HistoryEntry = { ...measured, initMs, finishedMs, service: null, slowest };
    return renderHistory([entry, arrival], plain).split('\n')[1] ?? '';
  };
  assert.match(
    times(2100, 9000),
    /up 12\.0 s, ready 9\.0 s \(init 2\.1 s, slowest ssh\.service 3\.4 s\) +arrived/,
  );
  assert.match(times(2100, null), /up 12\.0 s, init 2\.1 s, slowest ssh\.service 3\.4 s +arrived/);
  assert.match(times(null, 9000, []), /up 12\.0 s, ready 9\.0 s +arrived/);
});

test('a trial whose ticket was lost says where the ticket is', () => {
  const entry: HistoryEntry = {
    ...{
      version: 1,
      kind: 'trial-lost',
      id: null,
      atMs: NOW_MS,
      reason: 'no JSON',
      movedTo: '/s/x.damaged-1',
    },
    ...{
      digest: 'd',
      cause: 'firmware',
      detail: 'nothing says when',
      arrivedRelease: '6.1',
      arrivedBootId: null,
    },
  };
  assert.match(rowOf(entry), /could not be read; firmware: nothing says when; kept as \/s\/x\.damaged-1$/);
});

test('a load shows how it ended where no switch tells of it', () => {
  const load: HistoryEntry = {
    ...{ version: 1, kind: 'load', atMs: NOW_MS, slot: 'normal', method: 'segments', fromRelease: '6.1' },
    ...{ toRelease: '6.12', image: '/boot/new', loadMs: 9 },
  };
  const end: HistoryEntry = {
    ...{ version: 1, kind: 'load-end', atMs: NOW_MS, image: '/boot/new', toRelease: '6.12' },
    ...{ optimisations: [], outcome: 'arrived', arrivedRelease: '6.12', arrivedBootId: 'b' },
  };
  const rows = (...entries: HistoryEntry[]) => renderHistory(entries, plain).split('\n').slice(1);
  const [row = '', ...others] = rows(load, end);
  assert.match(row, /load {2}6\.1 -> 6\.12 {2}segments {2}load 9 ms {2}arrived on 6\.12$/);
  assert.deepEqual(others, []);
  const unknown = { ...end, outcome: 'unknown', arrivedRelease: '6.1' } as const;
  assert.match(rows(load, unknown)[0] ?? '', /load 9 ms {2}not seen to arrive; 6\.1 came up$/);
  for (const alone of [[load], [load, { ...end, atMs: 1 }], [{ ...load, slot: 'crash' } as const, end]])
    assert.match(rows(...alone).join('\n'), /load 9 ms\s*$/);
});
