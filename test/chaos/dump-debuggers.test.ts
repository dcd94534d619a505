/**
 * A dump that the guard saved, in the debuggers that people open dumps with. Long, because debugging information is a
 * gigabyte for each kernel.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCpuTraces } from '../../src/formats/vmcore/cpu-traces.ts';
import type { DebianSuite } from '../../src/lab/debian-suite.ts';
import { labKernel } from '../../src/lab/kernel-store.ts';
import {
  type Debugger,
  type DebuggerView,
  debianCrash,
  debianDrgn,
  unknownKernel,
} from '../support/debuggers.ts';
import { assertSameLog, logOf, withKernel } from '../support/dump-logs.ts';
import { DOOMED_TASK, dumpOfPanic } from '../support/guard-dump.ts';
import { findSymbols, unpackSymbols } from '../support/kernel-symbols.ts';

const LIMIT = { timeout: 3_600_000 };
const PANIC = 'Kernel panic - not syncing: sysrq triggered crash';

/** What the debuggers are to say, in khop's words. */
function viewOfKhop(dump: string, release: string): DebuggerView {
  const log = logOf(dump);
  const [, cpu, pid] =
    new RegExp(`CPU: (\\d+) (?:UID: \\d+ )?PID: (\\d+) Comm: ${DOOMED_TASK} `).exec(log) ?? [];
  const traces = withKernel(dump, (memory) => readCpuTraces(memory));
  const { frames } = traces.find(({ hasPanicked }) => hasPanicked)!.trace;
  return {
    release,
    cpus: traces.length,
    task: { pid: Number(pid), command: DOOMED_TASK, cpu: Number(cpu) },
    calls: frames.map(({ symbol }) => symbol?.name ?? 'unknown'),
    log,
  };
}

/** From where the panic was made: what it did to the stack afterwards each tool sees a little differently. */
function callsToPanic(calls: readonly string[]): readonly string[] {
  const from = calls.indexOf('sysrq_handle_crash');
  assert.ok(from > 0, calls.join(' '));
  // A label within the function before it: drgn names the function.
  return calls.slice(from).map((name) => name.replace(/^(entry_SYSCALL_64)_after_hwframe$/, '$1'));
}

/**
 * The place that a kernel notes of its own panic is behind a call that does not return, for which ORC has no entry; so
 * khop guesses there, and has words of the stack among the calls that are none. Debuggers have DWARF.
 */
function assertSameCalls(actual: readonly string[], guessed: readonly string[]): void {
  let rest = callsToPanic(guessed);
  const calls = callsToPanic(actual);
  assert.match(calls.at(-1)!, /^entry_SYSCALL_64/);
  for (const call of calls) {
    const at = rest.indexOf(call);
    assert.ok(at >= 0, `${call} of ${calls.join(' ')} is not in its place in ${guessed.join(' ')}`);
    rest = rest.slice(at + 1);
  }
}

interface Row {
  readonly fetch: (suite: DebianSuite) => Promise<Debugger>;
  /** The log as far as the debugger prints it like the kernel does. */
  readonly logOf: (log: string) => string;
}

const DEBUGGERS: Readonly<Record<string, Row>> = {
  crash: { fetch: debianCrash, logOf: (log) => log },
  // It does not move the further lines of a record to the right.
  drgn: { fetch: debianDrgn, logOf: (log) => log.replaceAll(/^ +/gm, '') },
};

function assertSameView(
  actual: DebuggerView & { readonly panic: string },
  expected: DebuggerView,
  logOf: Row['logOf'],
): void {
  assert.equal(actual.release, expected.release);
  assert.equal(actual.cpus, expected.cpus);
  assert.deepEqual(actual.task, expected.task);
  assert.match(actual.panic, new RegExp(PANIC));
  assertSameCalls(actual.calls, expected.calls);
  assertSameLog(logOf(actual.log), logOf(expected.log), 'the debugger');
}

for (const line of ['6.1', '6.12', '7.2'] as const)
  test(
    `the guard saves the memory of a panicked ${line} whole, as Debian's debuggers for it read it`,
    LIMIT,
    async (context) => {
      const kernel = await labKernel(line);
      const symbols = await findSymbols(kernel);
      if (typeof symbols === 'string') return context.skip(symbols);
      const vmlinux = await unpackSymbols(kernel, symbols);
      const folder = await mkdtemp(join(tmpdir(), 'khop-debuggers-'));
      try {
        const dump = await dumpOfPanic(line, folder);
        const expected = viewOfKhop(dump, kernel.release);
        assert.match(expected.log, new RegExp(PANIC));
        for (const [name, { fetch, logOf }] of Object.entries(DEBUGGERS))
          await context.test(`${name} of ${kernel.suite} reads from it what khop reads`, async (each) => {
            const { version, open, readLog } = await fetch(kernel.suite);
            const files = { dump, vmlinux, folder };
            const view = await open(files).catch(
              (error: unknown) => unknownKernel(error) ?? Promise.reject(error),
            );
            if (typeof view !== 'string') return assertSameView(view, expected, logOf);
            if (readLog !== undefined) assertSameLog(await readLog(files), expected.log, name);
            each.skip(
              `${name} ${version} does not know ${kernel.release} (${view}), and was asked for its log only`,
            );
          });
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
