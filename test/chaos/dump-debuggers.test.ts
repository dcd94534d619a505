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
import { labKernel } from '../../src/lab/kernel-store.ts';
import { type Debugger, type DebuggerView, debianCrash, debianDrgn } from '../support/debuggers.ts';
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
  return calls.slice(from);
}

function assertSameView(actual: DebuggerView & { readonly panic: string }, expected: DebuggerView): void {
  assert.equal(actual.release, expected.release);
  assert.equal(actual.cpus, expected.cpus);
  assert.deepEqual(actual.task, expected.task);
  assert.match(actual.panic, new RegExp(PANIC));
  assert.deepEqual(callsToPanic(actual.calls), callsToPanic(expected.calls));
  assertSameLog(actual.log, expected.log, 'the debugger');
}

const DEBUGGERS: Readonly<Record<string, (suite: Parameters<typeof debianCrash>[0]) => Promise<Debugger>>> = {
  crash: debianCrash,
  drgn: debianDrgn,
};

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
        for (const [name, fetch] of Object.entries(DEBUGGERS))
          await context.test(`${name} of ${kernel.suite} reads from it what khop reads`, async () => {
            const { open } = await fetch(kernel.suite);
            assertSameView(await open({ dump, vmlinux, folder }), expected);
          });
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
