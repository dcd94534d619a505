import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCrashLoop, knownGoodReleases, type LoopQuestion } from '../../src/guard/crash-loop.ts';
import { guardArgument, guardReturnOf } from '../../src/guard/guard-return.ts';
import type { CrashHistoryEntry, HistoryEntry } from '../../src/switch/history.ts';

const MINUTE = 60_000;
const NOW = 1_795_912_201_000;
const WINDOW = { nowMs: NOW, windowMs: 60 * MINUTE };
const ARMING = '0123456789abcdef';

function crash(minutesAgo: number, over: Partial<CrashHistoryEntry> = {}): CrashHistoryEntry {
  return {
    version: 1,
    kind: 'crash',
    id: `crash-${minutesAgo}`,
    atMs: NOW - minutesAgo * MINUTE,
    release: '6.12',
    summary: 'NULL pointer dereference in foo',
    fingerprint: 'f00',
    outcome: 'home-by-kexec',
    arrivedRelease: '6.12',
    arrivedBootId: 'b',
    captureMs: 900,
    upMs: 4000,
    ...over,
  };
}

function loopOf(entries: readonly HistoryEntry[], over: Partial<LoopQuestion> = {}) {
  const question = { history: { entries, damaged: [] }, guardReturn: undefined, release: '6.12', ...WINDOW };
  return findCrashLoop({ ...question, ...over });
}

test('the same crash twice within the window is a loop of its kernel, and once or longer ago is none', () => {
  assert.equal(loopOf([]), undefined);
  assert.equal(loopOf([crash(1)]), undefined);
  assert.equal(loopOf([crash(61), crash(1)]), undefined);
  assert.deepEqual(loopOf([crash(59), crash(1)]), {
    releases: ['6.12'],
    reason: '6.12 died 2 times within 60 min in the same way: NULL pointer dereference in foo',
  });
});

test('while a clock is not set yet, crashes that it takes for later ones are no loop, and those of its own time are', () => {
  const DAY = 24 * 60;
  assert.equal(loopOf([crash(-30 * DAY), crash(-30 * DAY - 1)]), undefined);
  assert.equal(loopOf([crash(-61), crash(-62)]), undefined);
  assert.match(loopOf([crash(-30 * DAY), crash(2), crash(1)])?.reason ?? '', /died 2 times/);
  // Set back by less than the window.
  assert.match(loopOf([crash(-2), crash(-1)])?.reason ?? '', /died 2 times/);
  const guardReturn = { arming: ARMING, returns: 2, sinceMs: NOW + 30 * DAY * MINUTE };
  const far = [crash(-30 * DAY), crash(-30 * DAY - 1)];
  assert.match(loopOf(far, { guardReturn })?.reason ?? '', /came home 2 times .* none of the crashes/);
});

test('two different crashes are no loop, nor the same crash of two kernels', () => {
  assert.equal(loopOf([crash(2), crash(1, { fingerprint: 'ba2' })]), undefined);
  assert.equal(loopOf([crash(2), crash(1, { release: '6.1' })]), undefined);
});

test('both kernels that died twice are left out', () => {
  const older = [crash(4, { release: '6.1' }), crash(3, { release: '6.1' })];
  assert.deepEqual(loopOf([...older, crash(2), crash(1)])?.releases.toSorted(), ['6.1', '6.12']);
});

test('crashes of which nothing is known are like each other', () => {
  const unknown = { release: null, fingerprint: null, summary: 'A kernel died and left no report' };
  assert.deepEqual(loopOf([crash(2, unknown), crash(1, unknown)])?.releases, ['6.12']);
});

test('a machine that dies before it can write anything is told by its command line', () => {
  const guardReturn = { arming: ARMING, returns: 2, sinceMs: NOW - MINUTE };
  assert.deepEqual(loopOf([], { guardReturn })?.releases, ['6.12']);
  assert.match(loopOf([crash(1)], { guardReturn })!.reason, /came home 2 times .* only 1 of the crashes/);
  assert.equal(
    loopOf([crash(2), crash(1, { fingerprint: 'ba2' })], { guardReturn }),
    undefined,
    'all are known',
  );
  assert.equal(loopOf([], { guardReturn: { ...guardReturn, returns: 1 } }), undefined);
  assert.equal(loopOf([], { guardReturn: { ...guardReturn, sinceMs: NOW - 61 * MINUTE } }), undefined);
});

test('six crashes are a loop whatever they are', () => {
  const crashes = [1, 2, 3, 4, 5, 6].map((at) => crash(at, { fingerprint: `${at}` }));
  assert.equal(loopOf(crashes.slice(1)), undefined);
  assert.equal(loopOf(crashes)?.reason, '6 crashes within 60 min');
});

test('returns are counted on the command line until the window is over', () => {
  const next = (before: string, nowMs: number) =>
    guardArgument(ARMING, guardReturnOf(before), { nowMs, windowMs: WINDOW.windowMs });
  const first = next('quiet', NOW);
  assert.equal(first, `khop.guard=${ARMING},1,${NOW / 1000}`);
  const second = next(`quiet ${first}`, NOW + 5 * MINUTE);
  assert.equal(second, `khop.guard=${ARMING},2,${NOW / 1000}`);
  const later = NOW + 61 * MINUTE;
  assert.equal(next(`quiet ${second}`, later), `khop.guard=${ARMING},1,${later / 1000}`);
  assert.equal(next(`quiet ${second}`, NOW - 5 * MINUTE), `khop.guard=${ARMING},3,${NOW / 1000}`);
});

test('what is no return is none, and one of an older khop is the first', () => {
  for (const line of [
    '',
    'khop.guard=',
    'khop.guard=xyz',
    `khop.guard=${ARMING},2`,
    `init -- khop.guard=${ARMING}`,
  ])
    assert.equal(guardReturnOf(line), undefined, line);
  assert.deepEqual(guardReturnOf(`khop.guard=${ARMING}`), { arming: ARMING, returns: 1, sinceMs: 0 });
});

test('kernels that were seen well come latest first', () => {
  const arrival = (
    fromRelease: string,
    arrivedRelease: string,
    outcome: 'arrived' | 'elsewhere',
  ): HistoryEntry => ({
    ...{ version: 1, kind: 'switch', id: 'x', atMs: 0, method: 'file', optimisations: [], shutdown: 'own' },
    ...{
      fromRelease,
      toRelease: arrivedRelease,
      image: '/i',
      outcome,
      trial: null,
      arrivedRelease,
      arrivedBootId: null,
    },
    ...{ loadMs: 1, downMs: null, upMs: null },
  });
  const entries = [
    arrival('5.10', '6.1', 'arrived'),
    arrival('6.1', '6.12', 'arrived'),
    arrival('6.12', '7.2', 'elsewhere'),
  ];
  assert.deepEqual(knownGoodReleases({ entries, damaged: [] }), ['6.12', '6.1', '5.10']);
});

test('crashes that were asked for are no loop, nor the returns from them, and hide no other', () => {
  const asked = { fingerprint: 'sysrq', isAskedFor: true };
  const many = [6, 5, 4, 3, 2, 1].map((minutes) => crash(minutes, asked));
  const home = (returns: number) => ({ guardReturn: { arming: ARMING, returns, sinceMs: NOW - 7 * MINUTE } });
  assert.equal(loopOf(many, home(6)), undefined);
  assert.match(loopOf([...many, crash(8), crash(7)], home(8))!.reason, /6\.12 died 2 times/);
  assert.match(loopOf(many, home(8))!.reason, /came home 2 times .* none of the crashes/);
});
