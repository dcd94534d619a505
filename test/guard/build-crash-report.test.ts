import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseKernelLogText } from '../../src/formats/kernel-log-text.ts';
import { buildCrashReport } from '../../src/guard/build-crash-report.ts';
import { decodeCrashReport, encodeCrashReport } from '../../src/guard/crash-report.ts';
import {
  GENERAL_PROTECTION_7,
  type LogEntry,
  NULL_DEREFERENCE_6_1,
  SAMPLE_LOGS,
  SOFT_LOCKUP_6_1,
  writeLog,
} from '../support/oops-log-builder.ts';
import { CRASH_ID, noFile, rawCrash, readFile } from '../support/raw-crashes.ts';

test('a whole capture gives a report without gaps', () => {
  const report = buildCrashReport(rawCrash(NULL_DEREFERENCE_6_1));
  assert.deepEqual(report.gaps, []);
  assert.deepEqual(report.when, { atMs: 1795912201000, source: 'vmcoreinfo' });
  assert.deepEqual(report.kernel, {
    release: '6.1.0-50-amd64',
    build: '#1  Debian 6.1.170-1',
    buildId: '9f3c1c0e5b0a',
  });
  assert.deepEqual([report.machine.cpus, report.machine.memoryKib], [2, 2096632]);
  assert.equal(
    report.summary,
    'NULL pointer dereference in crasher_write.cold [crasher], by tee -a: log (PID 742) on CPU 1',
  );
  assert.deepEqual(
    report.taint.map(({ letter }) => letter),
    ['P', 'W', 'O', 'E'],
  );
  assert.equal(report.outcome, 'home-by-kexec');
  assert.deepEqual(report.chain.at(-1), { step: 'home', ms: 4820, clock: 'home', reason: null });
  assert.deepEqual(report.log.at(-2), {
    level: 0,
    seconds: 100.0058,
    caller: null,
    text: 'Kernel panic - not syncing: Fatal exception',
  });
});

test('each file that is missing or cannot be read is a gap, and nothing is put in its place', () => {
  const report = buildCrashReport(
    rawCrash([], {
      dmesg: noFile('dmesg.txt'),
      chain: { state: 'unreadable', source: '/crashes/x/chain.txt', reason: 'EIO' },
      vmcoreinfo: noFile('vmcoreinfo.txt'),
    }),
  );
  assert.deepEqual(report.gaps, [
    'no dmesg.txt: what the kernel said is not known',
    'no vmcoreinfo.txt: when exactly it crashed and the build ID are not known',
    'chain.txt cannot be read (EIO): what the guard did is not known',
  ]);
  assert.deepEqual(
    [report.event, report.panicLine, report.fingerprint, report.kernel.release],
    [null, null, null, null],
  );
  assert.deepEqual([report.outcome, report.chain, report.hints, report.log], ['unknown', [], [], []]);
  assert.deepEqual(report.when, { atMs: Date.UTC(2026, 10, 29, 0, 30), source: 'name' });
});

test('records of a dump take the place of a text that is not there, and only then', () => {
  const records = parseKernelLogText(writeLog(GENERAL_PROTECTION_7));
  assert.equal(
    buildCrashReport(rawCrash([], { dmesg: noFile('dmesg.txt'), records })).event?.kind,
    'general-protection',
  );
  assert.equal(buildCrashReport(rawCrash(NULL_DEREFERENCE_6_1, { records })).event?.kind, 'null-dereference');
});

function withoutPanic(entries: readonly LogEntry[]): LogEntry[] {
  return entries.filter(([, text]) => !text.includes('Kernel panic'));
}

test('a log without a panic and a torn chain are said', () => {
  const report = buildCrashReport(
    rawCrash(withoutPanic(SOFT_LOCKUP_6_1), {
      chain: readFile('chain.txt', 'captured 730\nreport 1190\ndump-sta'),
    }),
  );
  assert.deepEqual(report.gaps, [
    'chain.txt, line 3: not a step of the guard: dump-sta',
    'the log holds no panic line: it ends before one, or the machine hung',
  ]);
  assert.equal(report.outcome, 'unknown');
});

test('an oops that the panic kernel was started out of needs no panic line', () => {
  const entries = NULL_DEREFERENCE_6_1.slice(0, -2);
  const captured = buildCrashReport(rawCrash(entries, { chain: readFile('chain.txt', 'captured 730\n') }));
  assert.deepEqual(captured.gaps, []);
  const found = buildCrashReport(rawCrash(entries, { chain: readFile('chain.txt', '') }));
  assert.match(found.gaps.join(), /no panic line/);
});

test('a report comes back as it was written, whatever the log was', () => {
  for (const entries of Object.values(SAMPLE_LOGS)) {
    const report = buildCrashReport(rawCrash(entries));
    assert.deepEqual(decodeCrashReport(encodeCrashReport(report), 'r'), report);
  }
});

test('whatever lies in the files, there is a report that can be written and read', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('CRASHTIME=99999999999', 'captured 99999999999999'),
  );
  fc.assert(
    fc.property(text, text, text, fc.string(), (dmesg, chain, info, id) => {
      const report = buildCrashReport({
        id,
        dmesg: readFile('dmesg.txt', dmesg),
        records: undefined,
        chain: readFile('chain.txt', chain),
        vmcoreinfo: readFile('vmcoreinfo.txt', info),
        encrypted: [],
      });
      assert.deepEqual(decodeCrashReport(encodeCrashReport(report), 'r'), report);
    }),
  );
});

test('a damaged report and one of a newer khop are errors that name the file', () => {
  const text = encodeCrashReport(buildCrashReport(rawCrash(NULL_DEREFERENCE_6_1)));
  assert.throws(
    () => decodeCrashReport(text.slice(0, 500), `${CRASH_ID}/report.json`),
    /E_STATE|report\.json is not JSON/,
  );
  assert.throws(
    () => decodeCrashReport(text.replace('"version": 1', '"version": 2'), 'r'),
    /r is of a version/,
  );
  assert.throws(() => decodeCrashReport(text.replace('"home-by-kexec"', '"by foot"'), 'r'), /r: outcome: /);
});
