/**
 * One trial with one fault, in a machine of its own, and the row that comes of it.
 * @module
 */
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../../../src/error.ts';
import { waitForSystem } from '../../../src/lab/full-machine.ts';
import { ROOT_OFFSET_BYTES } from '../../../src/lab/grub-disk.ts';
import { machineFiles } from '../../../src/lab/qemu.ts';
import { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { findDamage } from '../guard/disk-check.ts';
import { takeInventory } from '../guard/homecoming.ts';
import type { TrialRow } from '../row.ts';
import { describeTrialBed, leaveWords, startBed } from './bed.ts';
import type { TrialCase } from './cases.ts';
import { describeEnd, type TrialEnd, waitForEnd } from './trial-end.ts';
import { trialRow } from './trial-row.ts';

/** Of the root file system among the disks. */
const ROOT_INDEX = 0;
const START_TIMEOUT_MS = 300_000;
/** What is in use is not in order: the kernel's own emergency remount writes everything out. */
const READ_ONLY =
  'sync; echo u >/proc/sysrq-trigger; for i in 1 2 3 4 5 6 7 8 9; do grep -q " / ext4 ro" /proc/mounts && exit 0; sleep 1; done; exit 1';

/** Never throws what the lab or the machine reports: that is an outcome too. */
export async function runTrialCase(each: TrialCase): Promise<TrialRow> {
  const started = performance.now();
  const end = await tryAndWait(each).catch((error: unknown): TrialEnd => {
    if (!(error instanceof KhopError)) throw error;
    const seconds = (performance.now() - started) / 1000;
    return { outcome: `failed: ${error.code}`, cause: error.message.split('\n')[0]!, seconds };
  });
  return trialRow(each, end);
}

async function tryAndWait(each: TrialCase): Promise<TrialEnd> {
  const { bed, from, fault } = each;
  const machine = await startBed(bed, from);
  try {
    const before = await takeInventory(machine);
    const { bootId } = await machine.waitForHello(1000);
    const started = performance.now();
    const end = await fault({ machine, leave: (options) => leaveWords(from, options) });
    if (end === 'power-is-off') return await switchOnAgain(machine, each, started);
    await waitForEnd(machine, each, bootId);
    const seconds = (performance.now() - started) / 1000;
    await waitForSystem(machine).catch((error: unknown) => {
      // A machine that was damaged on purpose may have units that fail.
      if (!(error instanceof KhopError)) throw error;
    });
    const found = await describeEnd(machine, each, before, seconds);
    return await withDiskCheck(machine, found);
  } finally {
    await machine[Symbol.asyncDispose]();
    await rm(machine.folder, { recursive: true, force: true });
  }
}

/** As after a power cut: what had reached the disk is there, and the firmware starts. */
async function switchOnAgain(cut: VirtualMachine, each: TrialCase, started: number): Promise<TrialEnd> {
  const kept = join(cut.folder, 'after-the-cut.qcow2');
  await copyFile(machineFiles(cut.folder).overlay(ROOT_INDEX), kept);
  const description = await describeTrialBed(each.bed);
  const disks = description.disks.map((disk, index) =>
    index === ROOT_INDEX ? { ...disk, path: kept } : disk,
  );
  const machine = await VirtualMachine.start({ ...description, disks }, { keepFolder: true });
  try {
    await machine.waitForHello(START_TIMEOUT_MS);
    await waitForSystem(machine);
    const seconds = (performance.now() - started) / 1000;
    const found = await describeEnd(machine, each, undefined, seconds);
    return await withDiskCheck(machine, found);
  } finally {
    await machine[Symbol.asyncDispose]();
    await rm(machine.folder, { recursive: true, force: true });
  }
}

async function withDiskCheck(machine: VirtualMachine, end: TrialEnd): Promise<TrialEnd> {
  await machine.run(READ_ONLY, { timeoutMs: 60_000 });
  await machine.quit();
  const image = machineFiles(machine.folder).overlay(ROOT_INDEX);
  const damage = await findDamage(image, machine.folder, ROOT_OFFSET_BYTES);
  return damage === undefined
    ? end
    : { ...end, outcome: `${end.outcome}, but the file system is damaged`, cause: damage };
}
