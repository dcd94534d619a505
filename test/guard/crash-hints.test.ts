import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildCrashReport } from '../../src/guard/build-crash-report.ts';
import {
  GENERAL_PROTECTION_7,
  HUNG_TASK_6_12,
  type LogEntry,
  NULL_DEREFERENCE_6_1,
  PANIC_ON_WARN_7,
  SAMPLE_LOGS,
  STACK_OVERFLOW_5_4,
  SYSRQ_6_12,
} from '../support/oops-log-builder.ts';
import { rawCrash } from '../support/raw-crashes.ts';

function hintsOf(entries: readonly LogEntry[]): string[] {
  return buildCrashReport(rawCrash(entries)).hints.map(({ id }) => id);
}

function panicOf(reason: string, ...before: string[]): LogEntry[] {
  return [...before, `Kernel panic - not syncing: ${reason}`].map((text): LogEntry => [0, text]);
}

test('what is known of a crash is found by its log', () => {
  assert.deepEqual(hintsOf(SYSRQ_6_12), ['sysrq']);
  assert.deepEqual(hintsOf(NULL_DEREFERENCE_6_1), ['foreign-module-crasher', 'earlier-trouble']);
  assert.deepEqual(hintsOf(GENERAL_PROTECTION_7), ['memory-corruption', 'driver-mlx5_core']);
  assert.deepEqual(hintsOf(PANIC_ON_WARN_7), ['panic-on-warn']);
  assert.deepEqual(hintsOf(HUNG_TASK_6_12), ['disk-errors']);
  assert.deepEqual(hintsOf(STACK_OVERFLOW_5_4), ['stack-overflow', 'foreign-module-deep']);
  assert.deepEqual(
    hintsOf(
      panicOf(
        'NMI: Not continuing',
        'Hypervisor detected: KVM',
        'Uhhuh. NMI received for unknown reason 3d on CPU 0.',
      ),
    ),
    ['nmi-of-hypervisor'],
  );
  assert.deepEqual(hintsOf(panicOf('Fatal machine check')), ['machine-check']);
  assert.deepEqual(hintsOf(panicOf('VFS: Unable to mount root fs on unknown-block(0,0)')), ['no-root']);
  assert.deepEqual(hintsOf(panicOf('Attempted to kill init! exitcode=0x00007f00')), ['init-gone']);
  assert.deepEqual(
    hintsOf(panicOf('System is deadlocked on memory', 'Kernel command line: elfcorehdr=0x7a000000 panic=1')),
    ['capture-kernel', 'out-of-memory'],
  );
});

const OVER: LogEntry = [1, 'khop: the trial is over: nobody answered until ms 240000'];

test('a crash that the guardian of a trial asked for is not laid at somebody’s door', () => {
  assert.deepEqual(hintsOf([OVER, ...SYSRQ_6_12]), ['trial-guardian']);
  const [hint] = buildCrashReport(rawCrash([OVER, ...SYSRQ_6_12])).hints;
  assert.equal(hint?.evidence, OVER[1]);
  const others = hintsOf(NULL_DEREFERENCE_6_1);
  assert.deepEqual(hintsOf([OVER, ...NULL_DEREFERENCE_6_1]), others, 'a driver that dies as it is stopped');
});

test('a kind of crash without a line that tells more has no hint', () => {
  assert.deepEqual(hintsOf(panicOf('NMI: Not continuing')), []);
  assert.deepEqual(hintsOf([]), []);
});

test('each hint quotes a line of the log and names a source', () => {
  for (const entries of Object.values(SAMPLE_LOGS))
    for (const { evidence, source, title, remedy } of buildCrashReport(rawCrash(entries)).hints) {
      assert.ok(
        entries.some(([, text]) => text.trim() === evidence),
        evidence,
      );
      assert.ok(source !== '' && title !== '' && remedy !== '');
    }
});
