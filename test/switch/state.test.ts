import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { tokensOn } from '../../src/switch/arrive.ts';
import { DEFAULT_CONFIGURATION, parseConfiguration } from '../../src/switch/configuration.ts';
import {
  decodeHistory,
  encodeHistoryEntry,
  type HistoryEntry,
  type LoadEndHistoryEntry,
  newestEntries,
  type SwitchHistoryEntry,
} from '../../src/switch/history.ts';
import { decodeTicket, encodeTicket, type Ticket } from '../../src/switch/ticket.ts';

const TICKET: Ticket = {
  version: 2,
  id: '0123456789abcdef',
  step: 'leaving',
  fromBootId: 'a',
  fromRelease: '6.1.0',
  toRelease: '6.12.0',
  toTitle: 'Linux 6.12.0',
  image: '/boot/vmlinuz-6.12.0',
  method: 'file',
  optimisations: [],
  commandLine: 'ro khop.switch=0123456789abcdef',
  requestedAtMs: 1000,
  loadedAtMs: 3000,
  leftAtMs: 3100,
  shutdown: 'systemd',
  trial: null,
};

const ARRIVED: SwitchHistoryEntry = {
  version: 1,
  kind: 'switch',
  id: TICKET.id,
  atMs: 1000,
  method: 'file',
  optimisations: [],
  shutdown: 'systemd',
  fromRelease: '6.1.0',
  toRelease: '6.12.0',
  image: TICKET.image,
  outcome: 'arrived',
  trial: null,
  arrivedRelease: '6.12.0',
  arrivedBootId: 'b',
  loadMs: 2000,
  downMs: 4000,
  upMs: 9000,
};

const LOAD_END: LoadEndHistoryEntry = {
  ...{ version: 1, kind: 'load-end', atMs: 5, image: '/i', toRelease: null, optimisations: ['trim'] },
  ...{ outcome: 'unknown', arrivedRelease: null, arrivedBootId: null },
};

test('a ticket comes back as it was written', () => {
  assert.deepEqual(decodeTicket(encodeTicket(TICKET), 't'), TICKET);
});

test('a ticket of version 1 is of a switch without a trial', () => {
  const { trial: _, ...old } = { ...TICKET, version: 1 };
  assert.deepEqual(decodeTicket(JSON.stringify(old), 't'), { ...TICKET, version: 1, trial: null });
});

test('every prefix of a ticket is an error that names the file', () => {
  const text = encodeTicket(TICKET).trimEnd();
  for (let length = 0; length < text.length; length++)
    assert.throws(
      () => decodeTicket(text.slice(0, length), '/var/lib/khop/trial.json'),
      (error: unknown) =>
        error instanceof KhopError && error.code === 'E_STATE' && error.message.includes('trial.json'),
    );
});

test('a ticket of a newer khop is refused as such, and a wrong field is named', () => {
  assert.throws(() => decodeTicket(JSON.stringify({ ...TICKET, version: 3 }), 't'), /is of version 3/);
  assert.throws(() => decodeTicket(JSON.stringify({ ...TICKET, step: 'flying' }), 't'), /t: step: /);
});

test('how a load ended is in the history beside what older khops wrote', () => {
  const text = encodeHistoryEntry(ARRIVED) + encodeHistoryEntry(LOAD_END);
  assert.deepEqual(decodeHistory(text, 'h'), { entries: [ARRIVED, LOAD_END], damaged: [] });
});

test('a torn or damaged line of the history is said and skipped, the others count', () => {
  const line = encodeHistoryEntry(ARRIVED);
  const history = decodeHistory(`${line}not json\n${line}${line.slice(0, 40)}`, 'h');
  assert.deepEqual(history.entries, [ARRIVED, ARRIVED]);
  assert.equal(history.damaged.length, 2);
  assert.match(history.damaged[0]!, /^h, line 2/);
});

test('the newest entries are counted without the way up of each, which comes with its switch', () => {
  const measured = { version: 1, kind: 'arrival', atMs: 0, initrdMs: null, initMs: 1 } as const;
  const rest = { finishedMs: 2, service: null, slowest: [] } as const;
  const arrival = (id: string): HistoryEntry => ({ ...measured, ...rest, slowest: [], id });
  const switched = (id: string): HistoryEntry => ({ ...ARRIVED, id });
  const entries = [switched('a'), arrival('a'), switched('b'), arrival('b'), arrival('gone')];
  assert.deepEqual(newestEntries(entries, 1), [switched('b'), arrival('b')]);
  assert.deepEqual(newestEntries(entries, 20), entries.slice(0, 4));
  const load = { version: 1, kind: 'load', slot: 'normal', method: 'file', fromRelease: 'x' } as const;
  const loaded: HistoryEntry = { ...load, atMs: 5, toRelease: null, image: '/i', loadMs: 1 };
  assert.deepEqual(newestEntries([...entries, loaded], 2), [switched('b'), arrival('b'), loaded]);
  const ended = [LOAD_END, { ...LOAD_END, atMs: 4 }];
  assert.deepEqual(newestEntries([...entries, loaded, ...ended], 1), [loaded, LOAD_END]);
});

test('tokens are found as whole arguments only', () => {
  assert.deepEqual(tokensOn('ro khop.switch=0123456789abcdef quiet'), ['0123456789abcdef']);
  assert.deepEqual(
    tokensOn('xkhop.switch=0123456789abcdef khop.switch=0123 khop.switch=0123456789abcdefg'),
    [],
  );
});

test('a configuration sets what it names and leaves the rest', () => {
  const text = '# comment\nmethod = segments\nappend = "quiet nosplash"\ndrop = a, b c\nstop-timeout = 30s\n';
  assert.deepEqual(parseConfiguration(text, 'c'), {
    ...DEFAULT_CONFIGURATION,
    method: 'segments',
    append: 'quiet nosplash',
    drop: ['a', 'b', 'c'],
    stopTimeoutMs: 30_000,
  });
});

test('whether switches are trials, and how long they may take, is read and checked', () => {
  const { trial, trialSeconds, trialBootSeconds } = parseConfiguration(
    'trial = no\ntrial-deadline = 15\ntrial-boot-deadline = 90s\n',
    'c',
  );
  assert.deepEqual([trial, trialSeconds, trialBootSeconds], [false, 15, 90]);
  assert.equal(parseConfiguration('trial = yes', 'c').trial, true);
  assert.deepEqual(
    [
      DEFAULT_CONFIGURATION.trial,
      DEFAULT_CONFIGURATION.trialBootSeconds < DEFAULT_CONFIGURATION.trialSeconds,
    ],
    [true, true],
  );
});

test('what a trial has to prove on this machine is read as units, ports and ids', () => {
  const { trialUnits, trialSockets, trialIgnore } = parseConfiguration(
    'trial-units = ssh, dev-disk@a\\x2db.service\ntrial-sockets = localhost:22 [::1]:8080\ntrial-ignore = system.disks\n',
    'c',
  );
  assert.deepEqual(trialUnits, ['ssh', 'dev-disk@a\\x2db.service']);
  assert.deepEqual(trialSockets, [
    { host: 'localhost', port: 22 },
    { host: '::1', port: 8080 },
  ]);
  assert.deepEqual(trialIgnore, ['system.disks']);
});

test('a configuration with a wrong line is an error that names line and keys', () => {
  for (const line of [
    'method = fast',
    'colour = red',
    'append',
    'stop-timeout = 0',
    '= x',
    'constructor = x',
    'trial = maybe',
    'trial = ',
    'trial-deadline = 0',
    'trial-deadline = 10min',
    'trial-boot-deadline = -5',
    'trial-units = --now',
    'trial-units = a b;c',
    'trial-sockets = localhost',
    'trial-sockets = localhost:22 ::1:80',
    'trial-sockets = localhost:65536',
    'encrypt-to = keys.txt',
    'encrypt-to = AGE-SECRET-KEY-1',
    'u-boot-default = -c file',
    'u-boot-default = a=b',
  ])
    assert.throws(
      () => parseConfiguration(`\n${line}\n`, '/etc/khop/khop.conf'),
      (error: unknown) =>
        error instanceof KhopError && error.code === 'E_USAGE' && /khop\.conf, line 2/.test(error.message),
    );
});
