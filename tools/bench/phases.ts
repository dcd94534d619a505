/**
 * Where the instructions of a blackout go. Both kernels run at the addresses they were linked for (nokaslr)
 * and are the same one, so the addresses of functions in /proc/kallsyms hold for both; QEMU's GDB stub stops
 * the guest there. A stop costs no guest time.
 *
 * The new kernel's first stop is x86_64_start_kernel, its first C function, and not startup_64: that one runs
 * where the loader happened to put the kernel, some thousand instructions earlier.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../../src/error.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { type BenchDisk, MOUNT_POINT } from './bench-disk.ts';
import { loadKernel } from './blackout.ts';
import { readMarks, startCountedMachine } from './counted-machine.ts';
import { GdbClient } from './gdb-client.ts';
import type { LoadMethod } from './methods.ts';
import type { PhaseResult } from './report.ts';

const STOP_TIMEOUT_MS = 900_000;

/** Functions in the order in which they are reached. */
const FUNCTIONS = [
  'machine_kexec',
  'x86_64_start_kernel',
  'start_kernel',
  'rest_init',
  'do_populate_rootfs',
  'run_init_process',
] as const;

type FunctionName = (typeof FUNCTIONS)[number];

/** Counters at the start of each function, at the end of unpacking, and at both ends. */
type Timeline = Readonly<Record<FunctionName | 'jump' | 'unpacked' | 'init', bigint>>;

/** The phases of one jump by `method`. @throws E_LAB when the kernel has not all of the functions */
export async function measurePhases(disk: BenchDisk, method: LoadMethod): Promise<PhaseResult[]> {
  await using machine = await startCountedMachine(disk, { kernelArguments: 'nokaslr' });
  await loadKernel(machine, method.load(disk, 'nokaslr'));
  const addresses = await readAddresses(machine);
  const path = join(machine.folder, 'gdb');
  await machine.qmp.executeHuman(`gdbserver unix:${path},server=on,wait=off`);
  using gdb = await GdbClient.connect(path, 10_000);
  const counters = await follow(machine, gdb, addresses);
  await machine.waitForEnd(STOP_TIMEOUT_MS);
  const marks = await readMarks(machine);
  const at = (tag: string): bigint => marks.findLast((mark) => mark.tag === tag)?.counter ?? 0n;
  return phasesOf({ ...counters, jump: at('JUMP'), init: at('INIT') });
}

async function readAddresses(machine: VirtualMachine): Promise<Map<bigint, FunctionName>> {
  const { stdout } = await machine.run('cat /proc/kallsyms', { timeoutMs: 120_000 });
  const addresses = new Map<bigint, FunctionName>();
  for (const name of FUNCTIONS) {
    const found = new RegExp(`^([0-9a-f]+) [tT] ${name}$`, 'm').exec(stdout);
    if (found === null)
      throw new KhopError('E_LAB', `this kernel has no function ${name}`, {
        hint: 'Another compiler inlined it; choose a neighbour in tools/bench/phases.ts.',
      });
    addresses.set(BigInt(`0x${found[1]}`), name);
  }
  return addresses;
}

/** Jumps, and reads the counter at each function and where unpacking the initramfs ends. */
async function follow(
  machine: VirtualMachine,
  gdb: GdbClient,
  addresses: ReadonlyMap<bigint, FunctionName>,
): Promise<Record<FunctionName | 'unpacked', bigint>> {
  const counters: Partial<Record<FunctionName | 'unpacked', bigint>> = {};
  for (const address of addresses.keys()) await gdb.setBreakpoint(address);
  let unpacking: { readonly returnAddress: bigint; readonly stack: bigint } | undefined;
  let stopped = gdb.resume(STOP_TIMEOUT_MS);
  await machine.start(`exec ${MOUNT_POINT}/bin/jump`);
  for (;;) {
    const address = await stopped;
    const name = addresses.get(address);
    if (name !== undefined) {
      counters[name] = await gdb.readTimeStampCounter();
      await gdb.removeBreakpoint(address);
      if (name === 'do_populate_rootfs') {
        const stack = await gdb.readRegister('rsp');
        unpacking = { returnAddress: await gdb.readWord(stack), stack };
        await gdb.setBreakpoint(unpacking.returnAddress);
      }
      if (name === 'run_init_process') break;
    } else if ((await gdb.readRegister('rsp')) === (unpacking?.stack ?? 0n) + 8n) {
      counters.unpacked = await gdb.readTimeStampCounter();
      await gdb.removeBreakpoint(address);
    } else {
      // Another function was called from the same place, by another worker.
      await gdb.removeBreakpoint(address);
      await gdb.step();
      await gdb.setBreakpoint(address);
    }
    stopped = gdb.resume(STOP_TIMEOUT_MS);
  }
  await gdb.detach();
  return counters as Record<FunctionName | 'unpacked', bigint>;
}

/** The parts between the points of `at`, one after the other. */
export function phasesOf(at: Timeline): PhaseResult[] {
  const unpacking = at.unpacked - at.do_populate_rootfs;
  const phases: readonly (readonly [id: string, title: string, instructions: bigint])[] = [
    ['way-down', 'devices are shut down', at.machine_kexec - at.jump],
    ['jump', 'copying, digest, decompression', at.x86_64_start_kernel - at.machine_kexec],
    ['early', 'first page tables', at.start_kernel - at.x86_64_start_kernel],
    ['start-kernel', 'start_kernel', at.rest_init - at.start_kernel],
    ['initcalls', 'initcalls', at.run_init_process - at.rest_init - unpacking],
    // Initcalls that run while it waits, if any, are counted here.
    ['initramfs', 'unpacking the initramfs', unpacking],
    ['init', 'starting init', at.init - at.run_init_process],
  ];
  return phases.map(([id, title, instructions]) => ({ id, title, instructions: Number(instructions) }));
}
