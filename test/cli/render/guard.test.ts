import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderCrashArrival } from '../../../src/cli/render/crash-arrival.ts';
import {
  type GuardOutlook,
  renderArmed as renderArmedWith,
  renderContinued,
  renderGuardStatus,
  renderLeaving,
  renderTurnedOff,
} from '../../../src/cli/render/guard.ts';
import type { ArmedRecord } from '../../../src/guard/armed-record.ts';
import type { LastTest } from '../../../src/guard/asked-crash.ts';
import { parseChain } from '../../../src/guard/capture-chain.ts';
import type { Continuing } from '../../../src/guard/continuing.ts';
import type { FirmwareWay } from '../../../src/guard/firmware-start.ts';
import type { GuardStatus } from '../../../src/guard/guard-status.ts';
import type { CrashArrival } from '../../../src/guard/record-crash.ts';
import type { CrashHistoryEntry } from '../../../src/switch/history.ts';

const MIB = 1024 * 1024;

const RECORD: ArmedRecord = {
  version: 1,
  bootId: 'b',
  id: '0123456789abcdef',
  armedAtMs: 0,
  mode: 'continue',
  continuing: { memoryBytes: 260 * MIB, cpus: 1, usedBytes: 180 * MIB, warnings: [] },
  captureTitle: 'Debian 6.1',
  deadlineSeconds: 60,
  homeTitle: 'Debian 6.1',
  homeObstacle: null,
  isHomeFromFirstOnly: false,
  ending: 'home',
  staysWithoutHome: false,
  loopReason: null,
  rescueShell: false,
  rescueLogin: null,
  rescueLoginObstacle: null,
  reportDevice: null,
  reportObstacle: null,
  dump: null,
  encryption: null,
  reportInMemory: false,
  reservedBytes: 448 * MIB,
  usedBytes: 120 * MIB,
  inputs: [],
  shape: '',
  kdumpStarts: [],
  imageDigest: 'd1',
  imageObstacle: null,
};

const CONTINUING: Continuing = {
  id: RECORD.id,
  memoryBytes: 400n << 20n,
  cpus: 1,
  crash: '2026-09-21T141320Z-6.1',
  homeTitle: 'Debian 6.1',
  homeObstacle: null,
};

const WELL = { firmware: { leadsTo: 'home' }, standsStillEarly: false } as const;
const renderArmed = (record: ArmedRecord, over: Partial<GuardOutlook> = {}) =>
  renderArmedWith(record, { ...WELL, ...over });
const renderStatus = (
  status: GuardStatus,
  over: { readonly firmware?: FirmwareWay; readonly lastTest?: LastTest } = {},
): string => renderGuardStatus({ ...status, ...WELL, lastTest: null, ...over }, PLAIN);

const TEST: CrashHistoryEntry = {
  ...{ version: 1, kind: 'crash', id: '2026-11-29T003001Z-6.1', atMs: Date.UTC(2026, 10, 29, 0, 30, 1) },
  ...{ release: '6.1', summary: 'sysrq triggered crash', fingerprint: 'f00', outcome: 'home-by-kexec' },
  ...{ arrivedRelease: '6.1', arrivedBootId: 'b', captureMs: 1000, upMs: 4000 },
  ...{ isAskedFor: true, awayMs: 12_100 },
};

const PLAIN = { style: (_style: unknown, text: string) => text };

test('who arms to go on reads what there will be, and what may keep it from serving', () => {
  const text = renderArmed(RECORD);
  assert.match(text, /goes on and serves, with about 260\.0 MiB for programs on 1 CPU$/m);
  assert.match(text, /home +Debian 6\.1, without the firmware: khop guard leave$/m);
  assert.doesNotMatch(text, /deadline|nowhere| {2}but/);
  const continuing = { memoryBytes: 200 * MIB, cpus: 2, usedBytes: 300 * MIB, warnings: ['it is so'] };
  assert.match(renderArmed({ ...RECORD, continuing }), /^ {2}but +it is so$/m);
});

test('in the system that goes on, the first words say what happened, the others what to do', () => {
  const text = renderContinued({ continuing: CONTINUING, isNew: true, obstacle: undefined });
  assert.match(text, /^The kernel before this one crashed\.$/m);
  assert.match(text, /: 400 MiB, on 1 CPU\.$/m);
  assert.match(text, /khop crashes show 2026-09-21T141320Z-6\.1$/m);
  assert.match(
    text,
    /khop guard leave, to Debian 6\.1 without the firmware; a plain reboot goes through it$/m,
  );
  const torn = renderContinued({ continuing: CONTINUING, isNew: true, obstacle: 'it is no dump' });
  assert.match(torn, /the report is not whole: it is no dump$/m);
});

test('the status is one word, and a way through the firmware says why', () => {
  const status = (continuing: Continuing) =>
    renderGuardStatus(
      {
        state: 'continuing',
        continuing,
        settings: undefined,
        record: undefined,
        reservedBytes: 0n,
        problems: [],
        unproven: null,
        ...WELL,
        lastTest: null,
      },
      PLAIN,
    );
  assert.match(status(CONTINUING), /^This system is continuing after a panic, in 400 MiB, on 1 CPU\.$/m);
  const firmware = { ...CONTINUING, homeTitle: null, homeObstacle: 'no kernel waits' };
  assert.match(status(firmware), /through the firmware: no kernel waits$/m);
  const leave = async (): Promise<void> => {};
  const way = { way: 'firmware', homeTitle: null, leave } as const;
  assert.equal(renderLeaving({ ...way, obstacle: 'it is so' }), 'Through the firmware, because it is so.');
  assert.equal(renderLeaving({ ...way, obstacle: null }), 'Through the firmware.');
});

test('an armed guard says when nobody can prove that what is loaded is its own', () => {
  const record = { ...RECORD, imageDigest: null, imageObstacle: '/proc/kcore: EPERM' };
  assert.match(
    renderArmed(record),
    /^ {2}not proven +that what is loaded is the guard’s: \/proc\/kcore: EPERM$/m,
  );
  assert.doesNotMatch(renderArmed(RECORD), /not proven/);
});

test('who has reports encrypted reads for how many keys, or that nothing will be written', () => {
  const capture = { ...RECORD, mode: 'capture', continuing: null } as const;
  assert.doesNotMatch(renderArmed(capture), /encryption/);
  const encryption = { recipients: 2, memoryBytes: 26 * MIB, obstacle: null };
  assert.match(
    renderArmed({ ...capture, encryption }),
    /^ {2}encryption +for 2 age keys; takes 26\.0 MiB of the reservation$/m,
  );
  assert.match(
    renderArmed({ ...capture, encryption: { ...encryption, obstacle: 'age is not installed' } }),
    /^ {2}encryption +cannot be done, so nothing is written of a crash but its steps: age is not installed$/m,
  );
});

test('who is stranded reads what a person finds there, and how that person leaves', () => {
  const wordsOf = (over: Partial<ArmedRecord>) =>
    /^ {2}home +(.*)$/m.exec(
      renderArmed({ ...RECORD, mode: 'capture', continuing: null, ending: 'rescue', ...over }),
    )?.[1];
  assert.match(
    wordsOf({ rescueShell: true }) ?? '',
    /^a shell on the console, whose exit starts Debian 6\.1: /,
  );
  const login = { rescueLogin: 'root@10.0.2.15' };
  assert.match(
    wordsOf({ rescueShell: true, ...login }) ?? '',
    /^a shell on the console and by ssh root@10\.0\.2\.15, whose exit starts Debian 6\.1: /,
  );
  assert.match(
    wordsOf({ rescueLoginObstacle: 'it is so' }) ?? '',
    /^a note on the console, where Enter starts Debian 6\.1: .*no busybox.*; no ssh there: it is so$/,
  );
  assert.match(
    wordsOf(login) ?? '',
    /^a note on the console and a shell by ssh root@10\.0\.2\.15, where Enter or leave starts Debian 6\.1: /,
  );
});

test('who is to come home with an older kernel reads who is waited for where that cannot be started', () => {
  const wordsOf = (over: Partial<ArmedRecord>) => {
    const loop = { homeTitle: 'Debian 5.10', loopReason: '6.1 died 2 times', staysWithoutHome: true };
    return /^ {2}home +(.*)$/m.exec(
      renderArmed({ ...RECORD, mode: 'capture', continuing: null, ...loop, ...over }),
    )?.[1];
  };
  const login = { rescueLogin: 'root@10.0.2.15' };
  assert.equal(
    wordsOf({ isHomeFromFirstOnly: true, rescueShell: true, ...login }),
    'Debian 5.10, without the firmware when the panic is on CPU 0, because of the loop; else a shell on the console and by ssh root@10.0.2.15, whose exit restarts the machine',
  );
  assert.match(
    wordsOf({}) ?? '',
    /^Debian 5\.10, without the firmware, because of the loop; else a note on the console, where Enter restarts the machine/,
  );
});

test('who arms, or asks, reads where the firmware leads to another kernel', () => {
  const words = 'starts Debian 6.12, not Debian 6.1';
  const firmware: FirmwareWay = { leadsTo: 'another', words, remedy: 'prove that one' };
  const known: GuardStatus = {
    state: 'armed',
    ...{ continuing: undefined, settings: undefined, record: RECORD },
    ...{ reservedBytes: 0n, problems: [], unproven: null, standsStillEarly: false },
  };
  for (const text of [renderArmed(RECORD, { firmware }), renderStatus(known, { firmware })])
    assert.match(text, /^ {2}firmware {6}starts Debian 6\.12, not Debian 6\.1\n {16}To do: prove that one$/m);
  assert.doesNotMatch(renderArmed(RECORD), /^ {2}firmware|^ {2}early panic/m);
  assert.match(renderArmed(RECORD, { standsStillEarly: true }), /^ {2}early panic {3}stands still until /m);
  assert.doesNotMatch(renderStatus(known), /^ {2}firmware/m);
});

test('the status says whether the way home was ever proven, and how long it took', () => {
  const known: GuardStatus = {
    state: 'armed',
    ...{ continuing: undefined, settings: undefined, record: RECORD },
    ...{ reservedBytes: 0n, problems: [], unproven: null, standsStillEarly: false },
  };
  assert.match(renderStatus(known), /^ {2}tested {8}never on this machine: khop guard test$/m);
  assert.match(
    renderStatus(known, { lastTest: { atMs: TEST.atMs, entry: TEST } }),
    /^ {2}tested {8}2026-11-29 00:30:01 UTC: came home by kexec, about 12 s after the crash$/m,
  );
  const later = { ...TEST, outcome: 'home-by-firmware', awayMs: null } as const;
  assert.match(
    renderStatus(known, { lastTest: { atMs: TEST.atMs, entry: later } }),
    /: came home through the firmware, nobody knows after how long$/m,
  );
  assert.match(
    renderStatus(known, { lastTest: { atMs: TEST.atMs, entry: null } }),
    /: it did not come home by itself, or left no word of it$/m,
  );
});

test('after khop guard test the next start tells the measured chain, and of other crashes one line', () => {
  const other = { ...TEST, id: 'other', isAskedFor: false, awayMs: null };
  const arrival: CrashArrival = {
    ...{ crashes: [], isHomeByKexec: true, problem: undefined, continued: undefined },
    entries: [other, TEST],
    tested: {
      entry: TEST,
      chain: parseChain('captured 700\nreport 900\nleave-kexec 1000\nhome 4000 kexec\n').steps,
    },
  };
  assert.deepEqual(renderCrashArrival(arrival, [], undefined), [
    'The kernel before this one crashed: sysrq triggered crash. Its report: khop crashes show other',
    'khop guard test: the machine came home by kexec, about 12 s after the crash.',
    'From the start of the panic kernel’s clock:',
    '  700 ms  +700 ms  capture program started',
    '  900 ms  +200 ms  report safe on disk',
    '  1.0 s   +100 ms  jump home',
    '  5.0 s   +4.0 s   user space of the known-good kernel: kexec',
    'On no kernel’s clock, from the crash and with the jump: about 7 s',
    `Next: khop crashes show ${TEST.id}`,
  ]);
  const lost = { ...TEST, outcome: 'unknown' } as const;
  const word = { ...arrival, entries: [lost], tested: { entry: lost, chain: [] } };
  assert.deepEqual(renderCrashArrival(word, [], undefined), [
    'khop guard test: the machine is back, about 12 s after the crash.',
    'No report of it is here.',
  ]);
  assert.match(renderCrashArrival(word, [], 'http://h/')[1] ?? '', /^Its report was sent to http/);
});

test('who turns the guard off reads what a panic does now, also where another panic kernel stays', () => {
  assert.match(renderTurnedOff(undefined), /^The guard is off: a panic does what .* panic=\./);
  assert.match(
    renderTurnedOff('it is so'),
    /was left, and a panic starts it: it is so\.\nNext: .*unload --panic$/,
  );
});

test('who reads that the report comes home in memory reads from where it does', () => {
  const placesOf = (over: Partial<ArmedRecord>) =>
    /^ {2}report +.*; (.*)$/m.exec(
      renderArmed({ ...RECORD, mode: 'capture', continuing: null, reportInMemory: true, ...over }),
    )?.[1];
  assert.equal(placesOf({}), 'in memory, with the kernel that comes home');
  assert.equal(
    placesOf({ isHomeFromFirstOnly: true }),
    'in memory, with the kernel that comes home, only when the panic is on CPU 0',
  );
  assert.equal(placesOf({ reportInMemory: false, isHomeFromFirstOnly: true }), 'not in memory');
});
