/**
 * Where the instructions of a blackout go. Both kernels run at the addresses they were linked for (nokaslr)
 * and are the same one, so the addresses of functions in /proc/kallsyms hold for both; QEMU's GDB stub stops
 * the guest there, at one after the other.
 *
 * The new kernel's first stop is x86_64_start_kernel, its first C function, and not startup_64: that one runs
 * where the loader happened to put the kernel, some thousand instructions earlier.
 *
 * The clock of a guest that is stopped goes on to its next timer (icount, sleep=off), which is milliseconds
 * away and would be counted as millions of instructions; hence `startTicking`.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KhopError } from '../../src/error.ts';
import { type MachineDescription, machineFiles } from '../../src/lab/qemu.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { type BenchDisk, MOUNT_POINT } from './bench-disk.ts';
import { loadKernel } from './blackout.ts';
import { readMarks, startCountedMachine } from './counted-machine.ts';
import { GdbClient } from './gdb-client.ts';
import type { LoadMethod } from './methods.ts';
import type { PhaseResult } from './report.ts';

const STOP_TIMEOUT_MS = 900_000;
const HELLO_TIMEOUT_MS = 60_000;
/** Of the guest's clock: each stop counts at most two of them, ten thousand instructions each, too many. */
const TICK_US = 10;
/** Of the blackout: what the phases may differ from it altogether. */
const MOST_DIFFERENCE = 0.01;

/** Functions in the order in which they are reached. */
const FUNCTIONS = [
  'machine_kexec',
  'x86_64_start_kernel',
  'start_kernel',
  'rest_init',
  'do_populate_rootfs',
  'free_initrd_mem',
  'run_init_process',
] as const;

type FunctionName = (typeof FUNCTIONS)[number];

/** Instructions from the call reboot(LINUX_REBOOT_CMD_KEXEC) to each function, and to init. */
type Timeline = Readonly<Record<FunctionName | 'init', bigint>>;

/**
 * The phases of a jump by `method`.
 * @throws E_LAB when the kernel has not all of the functions, or when the stops have changed what they measure
 */
export async function measurePhases(disk: BenchDisk, method: LoadMethod): Promise<PhaseResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-phases-'));
  try {
    const loaded = await saveLoaded(disk, method, folder);
    const phases = phasesOf(await jumpWithStops(loaded));
    checkSum(phases, Number(await jumpToInit(loaded)));
    return phases;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A machine with a kernel loaded, to be started again and again. */
interface LoadedMachine {
  readonly description: MachineDescription;
  readonly state: string;
  readonly addresses: Readonly<Record<FunctionName, bigint>>;
}

async function saveLoaded(disk: BenchDisk, method: LoadMethod, folder: string): Promise<LoadedMachine> {
  await using machine = await startCountedMachine(disk, { kernelArguments: 'nokaslr' });
  await loadKernel(machine, method.load(disk, 'nokaslr'));
  const addresses: Partial<Record<FunctionName, bigint>> = {};
  for (const name of FUNCTIONS) addresses[name] = await readAddress(machine, name);
  await machine.saveCheckpoint(folder);
  return {
    description: machine.description,
    state: machineFiles(folder).state,
    addresses: addresses as Record<FunctionName, bigint>,
  };
}

async function startLoaded({ description, state }: LoadedMachine): Promise<VirtualMachine> {
  const machine = await VirtualMachine.start(description, { state });
  try {
    await machine.waitForHello(HELLO_TIMEOUT_MS);
    return machine;
  } catch (cause) {
    await machine[Symbol.asyncDispose]();
    throw cause;
  }
}

async function jumpToInit(loaded: LoadedMachine): Promise<bigint> {
  await using machine = await startLoaded(loaded);
  await machine.start(`exec ${MOUNT_POINT}/bin/jump`);
  await machine.waitForEnd(STOP_TIMEOUT_MS);
  return (await lastMark(machine, 'INIT')) - (await lastMark(machine, 'JUMP'));
}

async function jumpWithStops(loaded: LoadedMachine): Promise<Timeline> {
  await using machine = await startLoaded(loaded);
  await startTicking(machine);
  const path = join(machine.folder, 'gdb');
  await machine.qmp.executeHuman(`gdbserver unix:${path},server=on,wait=off`);
  using gdb = await GdbClient.connect(path, 10_000);
  const counters: Partial<Record<FunctionName, bigint>> = {};
  for (const name of FUNCTIONS) {
    await gdb.setBreakpoint(loaded.addresses[name]);
    const stopped = gdb.resume(STOP_TIMEOUT_MS);
    if (name === FUNCTIONS[0]) await machine.start(`exec ${MOUNT_POINT}/bin/jump`);
    await stopped;
    counters[name] = await gdb.readTimeStampCounter();
    await gdb.removeBreakpoint(loaded.addresses[name]);
  }
  await gdb.detach();
  await machine.waitForEnd(STOP_TIMEOUT_MS);
  const start = await lastMark(machine, 'JUMP');
  const init = (await lastMark(machine, 'INIT')) - start;
  const sinceStart = Object.entries(counters).map(([name, counter]) => [name, counter - start]);
  return { ...(Object.fromEntries(sinceStart) as Record<FunctionName, bigint>), init };
}

/**
 * Gives QEMU a timer of its own, every ten microseconds by the guest's clock: a stopped guest's clock goes on to
 * that one. It is a network filter's, between two ends that are connected to nothing; the guest sees none of it.
 */
async function startTicking(machine: VirtualMachine): Promise<void> {
  await machine.qmp.execute('netdev_add', { type: 'hubport', id: 'ticking', hubid: 0 });
  await machine.qmp.execute('object-add', {
    ...{ 'qom-type': 'filter-buffer', id: 'ticker', netdev: 'ticking', queue: 'all' },
    interval: TICK_US,
  });
}

async function lastMark(machine: VirtualMachine, tag: string): Promise<bigint> {
  return (await readMarks(machine)).findLast((mark) => mark.tag === tag)?.counter ?? 0n;
}

async function readAddress(machine: VirtualMachine, name: FunctionName): Promise<bigint> {
  const { stdout } = await machine.run(`grep ' [tT] ${name}$' /proc/kallsyms || true`, {
    timeoutMs: 120_000,
  });
  const found = /^([0-9a-f]+) /.exec(stdout);
  if (found === null)
    throw new KhopError('E_LAB', `this kernel has no function ${name}`, {
      hint: 'Another compiler inlined it; choose a neighbour in tools/bench/phases.ts.',
    });
  return BigInt(`0x${found[1]}`);
}

/** @param blackout of a jump without any stop, in instructions. @throws E_LAB when `phases` are not its parts */
export function checkSum(phases: readonly PhaseResult[], blackout: number): void {
  const sum = phases.reduce((total, { instructions }) => total + instructions, 0);
  if (Math.abs(sum - blackout) <= MOST_DIFFERENCE * blackout) return;
  throw new KhopError(
    'E_LAB',
    `the phases are ${sum} instructions together, and the blackout is ${blackout}`,
    {
      hint: 'The stops have changed the way of the guest; the phases say nothing.',
    },
  );
}

/** The parts between the points of `at`, one after the other. */
export function phasesOf(at: Timeline): PhaseResult[] {
  const unpacking = at.free_initrd_mem - at.do_populate_rootfs;
  const phases: readonly (readonly [id: string, title: string, instructions: bigint])[] = [
    ['way-down', 'devices are shut down', at.machine_kexec],
    ['jump', 'copying, digest, decompression', at.x86_64_start_kernel - at.machine_kexec],
    ['early', 'early set-up', at.start_kernel - at.x86_64_start_kernel],
    ['start-kernel', 'start_kernel', at.rest_init - at.start_kernel],
    ['initcalls', 'initcalls', at.run_init_process - at.rest_init - unpacking],
    // Initcalls that run while it waits, if any, are counted here.
    ['initramfs', 'unpacking the initramfs', unpacking],
    ['init', 'starting init', at.init - at.run_init_process],
  ];
  return phases.map(([id, title, instructions]) => ({ id, title, instructions: Number(instructions) }));
}
