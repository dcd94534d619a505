/**
 * One fault in a machine of its own, and the row that comes of it.
 * @module
 */
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../../src/error.ts';
import { machineFiles } from '../../../src/lab/qemu.ts';
import { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import type { ChaosRow } from '../row.ts';
import { describeBed, startArmed, TARGET_INDEX } from './bed.ts';
import type { GuardCase } from './cases.ts';
import { findDamage } from './disk-check.ts';
import { type Homecoming, inspect, takeInventory } from './homecoming.ts';
import type { CutPoint } from './power-cuts.ts';
import { lateness } from './time-to-home.ts';

/** Panic kernel, its deadline, firmware and the start of the known-good kernel, in an emulated machine. */
const HOME_TIMEOUT_MS = 180_000;
/** Where nobody is to come home, that long is waited. */
const HANG_TIMEOUT_MS = 75_000;
/** For a line of the console that a fault waits for. */
const LINE_TIMEOUT_MS = 90_000;
/** Of a cause in a row. */
const KHOP_LINE =
  /khop: (?!captured|home-loaded|log-read|report-in-memory|target-mounted|report |leave)(?<words>.*)$/;

interface Ending {
  readonly outcome: string;
  readonly cause: string;
  readonly seconds: number;
}

/** Never throws what the lab or the machine reports: that is an outcome too. */
export async function runGuardCase(each: GuardCase): Promise<ChaosRow> {
  const { name, point, bed, expected, remark } = each;
  const started = performance.now();
  const ending = await crashAndWait(each).catch((error: unknown): Ending => {
    if (!(error instanceof KhopError)) throw error;
    const seconds = (performance.now() - started) / 1000;
    return { outcome: `failed: ${error.code}`, cause: error.message, seconds };
  });
  const { outcome, cause, seconds } = ending;
  return {
    ...{ suite: 'guard', case: name, point, firmware: bed.firmware, outcome, expected },
    cause: [cause, remark].filter(Boolean).join('; '),
    seconds: Math.round(seconds * 10) / 10,
  };
}

async function crashAndWait(each: GuardCase): Promise<Ending> {
  const machine = await startArmed(each.bed, each.alter);
  try {
    const before = await takeInventory(machine);
    await each.prepare?.(machine);
    const complaints = collectComplaints(machine);
    const { bootId } = await machine.waitForHello(1000);
    const crashed = performance.now();
    if (each.cut !== undefined) {
      await crashUntil(machine, each, each.cut);
      return await switchOnAgain(machine, each, before);
    }
    const fault = makeFault(machine, each);
    await each.crash(machine, each.bed);
    const heldSeconds = await fault;
    const isHome = await comesHome(machine, bootId, each.expected === 'hangs');
    const seconds = (performance.now() - crashed) / 1000;
    if (!isHome)
      return { outcome: 'hangs', cause: [...complaints.slice(-1), lastLine(machine)].join('; '), seconds };
    const home = await inspect(machine, before, each.repair);
    await machine.quit();
    const late = lateness(seconds - heldSeconds);
    const losses = late === undefined ? home.losses : [...home.losses, late];
    return await describe(machine, { ...home, losses }, complaints, seconds);
  } finally {
    await machine[Symbol.asyncDispose]();
    await rm(machine.folder, { recursive: true, force: true });
  }
}

/** Gives back for how long: a machine that a debugger leads step by step stands still, and so do its clocks. */
async function makeFault(machine: VirtualMachine, { fault }: GuardCase): Promise<number> {
  if (fault === undefined) return 0;
  await waitForLine(machine, fault.at);
  const began = performance.now();
  await fault.make(machine);
  return (performance.now() - began) / 1000;
}

/** Pulls the plug: QEMU is killed. What that takes: power-cuts.ts. */
async function crashUntil(
  machine: VirtualMachine,
  { crash, bed }: GuardCase,
  { after, ms }: CutPoint,
): Promise<void> {
  const reached = waitForLine(machine, after);
  await crash(machine, bed);
  await reached;
  if (ms > 0) await sleep(ms);
  process.kill(machine.pid, 'SIGKILL');
  await machine.waitForEnd(10_000);
}

async function switchOnAgain(
  cut: VirtualMachine,
  each: GuardCase,
  before: Awaited<ReturnType<typeof takeInventory>>,
): Promise<Ending> {
  const kept = join(cut.folder, 'after-the-cut.qcow2');
  await copyFile(machineFiles(cut.folder).overlay(TARGET_INDEX), kept);
  const description = await describeBed(each.bed);
  const disks = description.disks.map((disk, index) =>
    index === TARGET_INDEX ? { ...disk, path: kept } : disk,
  );
  const started = performance.now();
  const machine = await VirtualMachine.start({ ...description, disks }, { keepFolder: true });
  try {
    await machine.waitForHello(HOME_TIMEOUT_MS);
    const seconds = (performance.now() - started) / 1000;
    const home = await inspect(machine, before);
    await machine.quit();
    return await describe(machine, home, [], seconds);
  } finally {
    await machine[Symbol.asyncDispose]();
    await rm(machine.folder, { recursive: true, force: true });
  }
}

async function describe(
  machine: VirtualMachine,
  home: Homecoming,
  complaints: readonly string[],
  seconds: number,
): Promise<Ending> {
  // What cannot be written to cannot be damaged; its journal may wait to be replayed.
  const isWritten = machine.description.disks[TARGET_INDEX]?.access === 'overlay';
  const image = machineFiles(machine.folder).overlay(TARGET_INDEX);
  const damage = isWritten ? await findDamage(image, machine.folder) : undefined;
  const cause = [home.words, ...complaints].filter((words) => words !== '').join('; ');
  if (home.losses.length > 0) return { outcome: `home, but ${home.losses.join(', ')}`, cause, seconds };
  if (damage !== undefined)
    return { outcome: 'home, but the file system is damaged', cause: damage, seconds };
  return { outcome: `home by ${home.way} ${home.hasReport ? 'with' : 'without'} report`, cause, seconds };
}

async function comesHome(machine: VirtualMachine, bootId: string, isToHang: boolean): Promise<boolean> {
  try {
    await machine.waitForNewKernel(bootId, isToHang ? HANG_TIMEOUT_MS : HOME_TIMEOUT_MS);
    return true;
  } catch (error) {
    if (error instanceof KhopError && error.code === 'E_TIMEOUT') return false;
    throw error;
  }
}

/** What the panic kernel says besides the steps that it takes. */
function collectComplaints(machine: VirtualMachine): string[] {
  const complaints: string[] = [];
  machine.console.onLine((line) => {
    const words = KHOP_LINE.exec(line)?.groups?.['words'];
    if (words !== undefined && !words.startsWith('records of')) complaints.push(words.trim());
  });
  return complaints;
}

/** Listens from now on. */
async function waitForLine(machine: VirtualMachine, wanted: RegExp): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () =>
      reject(
        new KhopError('E_TIMEOUT', `the console did not say ${wanted.source}: ${lastLine(machine)}`, {
          hint: 'The machine did not come as far as this case needs.',
        }),
      ),
    LINE_TIMEOUT_MS,
  );
  machine.console.onLine((line) => wanted.test(line) && resolve());
  await promise;
  clearTimeout(timer);
}

function lastLine(machine: VirtualMachine): string {
  return machine.console.tail.at(-1)?.trim() ?? '';
}
