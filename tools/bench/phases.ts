/**
 * Where the instructions of a blackout go. Both kernels run at the addresses they were linked for (nokaslr)
 * and are the same one, so the addresses of functions in /proc/kallsyms hold for both; QEMU's GDB stub stops
 * the guest there, once a jump.
 *
 * The new kernel's first stop is x86_64_start_kernel, its first C function, and not startup_64: that one runs
 * where the loader happened to put the kernel, some thousand instructions earlier.
 *
 * The clock of a guest that is stopped goes on to its next timer (icount, sleep=off), so every point but the last
 * is late by up to some milliseconds, which are millions: see docs/decisions/copies-in-the-jump.md.
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

/** The phases of a jump by `method`. @throws E_LAB when the kernel has not all of the functions */
export async function measurePhases(disk: BenchDisk, method: LoadMethod): Promise<PhaseResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-phases-'));
  try {
    const loaded = await saveLoaded(disk, method, folder);
    const counters: Partial<Record<FunctionName | 'init', bigint>> = { init: await jumpToInit(loaded) };
    for (const name of FUNCTIONS) counters[name] = await jumpUntil(loaded, loaded.addresses[name]);
    return phasesOf(counters as Timeline);
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

/** One jump with one stop: a guest that goes on after a stop goes on at its next timer, milliseconds later. */
async function jumpUntil(loaded: LoadedMachine, address: bigint): Promise<bigint> {
  await using machine = await startLoaded(loaded);
  const path = join(machine.folder, 'gdb');
  await machine.qmp.executeHuman(`gdbserver unix:${path},server=on,wait=off`);
  using gdb = await GdbClient.connect(path, 10_000);
  await gdb.setBreakpoint(address);
  const stopped = gdb.resume(STOP_TIMEOUT_MS);
  await machine.start(`exec ${MOUNT_POINT}/bin/jump`);
  await stopped;
  return (await gdb.readTimeStampCounter()) - (await lastMark(machine, 'JUMP'));
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
