/**
 * A whole dump that khop's capture wrote: of a small machine that panicked under the guard.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import type { KernelLine } from '../../src/lab/kernel-store.ts';
import { machineFiles } from '../../src/lab/qemu.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { runProcess } from '../../src/machine/run-process.ts';

const COMMAND = { timeoutMs: 120_000 };
/** A kernel is unpacked and prepared by an emulated processor. */
const ARM = { timeoutMs: 600_000 };
const HOME_TIMEOUT_MS = 300_000;
const TOOL_TIMEOUT_MS = 120_000;
const STATE = '/var/lib/khop';
const DISK = 'target';
const MOUNT = `mkdir -p ${STATE} && mount-tool ${DISK} ${STATE} && mount -o remount,rw ${STATE}`;
/** The name of the task that is to be seen as the one that panicked. */
export const DOOMED_TASK = 'doomed';

/** Panics on CPU 0 of two under the guard, comes home, and puts the dump into `folder`: its path. */
export async function dumpOfPanic(kernel: KernelLine, folder: string): Promise<string> {
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
  await machine.start(
    // A newline of echo would be part of the name, and break the lines in which the kernel says it.
    `exec taskset 1 sh -c 'printf ${DOOMED_TASK} >/proc/$$/comm; echo c >/proc/sysrq-trigger'`,
  );
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
