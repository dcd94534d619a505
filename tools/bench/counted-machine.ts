/**
 * The machine whose instructions are counted: one of Debian's kernels, one CPU, 2 GiB, SeaBIOS.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { machineFiles } from '../../src/lab/qemu.ts';
import { startSmallMachine } from '../../src/lab/small-machine.ts';
import type { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { BENCH_DISK, type BenchDisk, MOUNT_POINT } from './bench-disk.ts';
import { type Mark, parseMarks } from './marks.ts';

const COMMAND_TIMEOUT_MS = 60_000;

/** How it differs from the others. */
export interface CountedMachineOptions {
  /** Added to `console=ttyS0 quiet`. */
  readonly kernelArguments?: string | undefined;
}

/** Starts the machine from a checkpoint, always the same one, with `disk` mounted. */
export async function startCountedMachine(
  disk: BenchDisk,
  options: CountedMachineOptions = {},
): Promise<VirtualMachine> {
  const machine = await startSmallMachine({
    kernel: disk.kernel.line,
    kernelsToHopTo: [],
    memoryMib: 2048,
    // The root of the kernel that is loaded: it is the same system that is started again.
    kernelArguments: [`root=UUID=${BENCH_DISK.uuid} ro quiet`, options.kernelArguments ?? '']
      .join(' ')
      .trim(),
    instructionCount: true,
    hasDebugPort: true,
    disks: [disk.disk],
  });
  try {
    await machine.run(`mkdir -p ${MOUNT_POINT} && mount-tool ${disk.disk.serial} ${MOUNT_POINT}`, {
      timeoutMs: COMMAND_TIMEOUT_MS,
    });
    return machine;
  } catch (cause) {
    await machine[Symbol.asyncDispose]();
    throw cause;
  }
}

/** What the guest has written to the debug port so far. */
export async function readMarks(machine: VirtualMachine): Promise<Mark[]> {
  return parseMarks(await readFile(machineFiles(machine.folder).debugPort));
}
