/**
 * A dump that the guard saved, in the debuggers that people open dumps with. Long, because debugging information is a
 * gigabyte for each kernel.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCpuTraces } from '../../src/formats/vmcore/cpu-traces.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import { type KernelLine, labKernel } from '../../src/lab/kernel-store.ts';
import { machineFiles } from '../../src/lab/qemu.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { runProcess } from '../../src/machine/run-process.ts';
import { type Debugger, type DebuggerView, debianCrash, debianDrgn } from '../support/debuggers.ts';
import { assertSameLog, logOf, withKernel } from '../support/dump-logs.ts';
import { findSymbols, unpackSymbols } from '../support/kernel-symbols.ts';

const LIMIT = { timeout: 3_600_000 };
const COMMAND = { timeoutMs: 60_000 };
/** A kernel is unpacked and prepared by an emulated processor. */
const ARM = { timeoutMs: 400_000 };
const HOME_TIMEOUT_MS = 240_000;
const TOOL_TIMEOUT_MS = 120_000;
const STATE = '/var/lib/khop';
const DISK = 'target';
const MOUNT = `mkdir -p ${STATE} && mount-tool ${DISK} ${STATE} && mount -o remount,rw ${STATE}`;
/** The name of the task that is to be seen as the one that panicked. */
const TASK = 'doomed';
const PANIC = 'Kernel panic - not syncing: sysrq triggered crash';

/** Panics on CPU 0 of two under the guard, comes home, and puts the dump into `folder`: its path. */
async function dumpOfPanic(kernel: KernelLine, folder: string): Promise<string> {
  const [empty, disk] = [join(folder, 'empty'), join(folder, 'disk.img')];
  await mkdir(empty);
  await writeExt4Image(empty, disk, { label: DISK, spareMib: 0, sizeMib: 1024, hasJournal: true });
  await using machine = await startSmallMachine({
    kernel,
    cpus: 2,
    memoryMib: 768,
    kernelArguments: 'crashkernel=256M',
    isCold: true,
    disks: [{ serial: DISK, path: disk, access: 'overlay' }],
  });
  await machine.run(`${MOUNT} && khop guard on --dump whole --keep-free 64 --deadline 180`, ARM);
  const { bootId } = await machine.waitForHello(1000);
  await machine.start(`exec taskset 1 sh -c 'echo ${TASK} >/proc/$$/comm; echo c >/proc/sysrq-trigger'`);
  await machine.waitForNewKernel(bootId, HOME_TIMEOUT_MS);
  await machine.run(`${MOUNT} && khop arrive`, COMMAND);
  const crash = (await machine.run(`ls -d ${STATE}/crashes/*`, COMMAND)).stdout.trim();
  const chain = (await machine.run(`cat ${crash}/chain.txt`, COMMAND)).stdout;
  assert.match(chain, /^dump-done \d+ whole, bytes: \d+$/m);
  await machine.run(`umount ${STATE}`, COMMAND);
  await machine.quit();
  return await takeOut(machine, `${crash.slice(STATE.length)}/vmcore`, folder);
}

/** A file of the disk of a machine that is off: a copy in `folder`. */
async function takeOut(machine: VirtualMachine, path: string, folder: string): Promise<string> {
  const [raw, copy] = [join(folder, 'raw.img'), join(folder, 'vmcore')];
  const index = machine.description.disks.findIndex(({ serial }) => serial === DISK);
  const options = {
    timeoutMs: TOOL_TIMEOUT_MS,
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  };
  await runProcess(
    'qemu-img',
    ['convert', '-O', 'raw', machineFiles(machine.folder).overlay(index), raw],
    options,
  );
  await runProcess('debugfs', ['-R', `dump ${path} ${copy}`, raw], options);
  await rm(raw);
  return copy;
}

/** What the debuggers are to say, in khop's words. */
function viewOfKhop(dump: string, release: string): DebuggerView {
  const log = logOf(dump);
  const [, cpu, pid] = new RegExp(`CPU: (\\d+) (?:UID: \\d+ )?PID: (\\d+) Comm: ${TASK} `).exec(log) ?? [];
  const traces = withKernel(dump, (memory) => readCpuTraces(memory));
  const { frames } = traces.find(({ hasPanicked }) => hasPanicked)!.trace;
  return {
    release,
    cpus: traces.length,
    task: { pid: Number(pid), command: TASK, cpu: Number(cpu) },
    calls: frames.map(({ symbol }) => symbol?.name ?? 'unknown'),
    log,
  };
}

/** From where the panic was made: what it did to the stack afterwards each tool sees a little differently. */
function callsToPanic(calls: readonly string[]): readonly string[] {
  return calls.slice(calls.indexOf('sysrq_handle_crash'));
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
