/**
 * The small machine: one of Debian's kernels, unmodified, with an initramfs of busybox and the agent, the
 * tool disk at /tool, and khop at /tool/khop. It starts from a checkpoint, made on first use, in less than
 * a second.
 * @module
 */
import { hostArchitecture } from '../machine/host-architecture.ts';
import { startFromCheckpoint } from './checkpoint.ts';
import { prepareGuest } from './guest-preparation.ts';
import { labAccelerator } from './lab-accelerator.ts';
import { describeSmallMachine, type SmallMachineOptions } from './small-machine-description.ts';
import { VirtualMachine } from './virtual-machine.ts';

export type { SmallMachineOptions } from './small-machine-description.ts';

const BOOT_TIMEOUT_MS = 120_000;

/**
 * Starts a small machine and waits until its agent answers.
 * @example await using machine = await startSmallMachine({ kernel: '6.1', firmware: 'ovmf' });
 */
export async function startSmallMachine(options: SmallMachineOptions = {}): Promise<VirtualMachine> {
  const description = await describeSmallMachine(
    options,
    options.instructionCount || !isNative(options) ? 'tcg' : await labAccelerator(),
  );
  const { keepFolder, endsWith } = options;
  const machine = options.isCold
    ? await VirtualMachine.start(description, { keepFolder, endsWith })
    : await startFromCheckpoint(description, { keepFolder, endsWith, isReady });
  try {
    await machine.waitForHello(BOOT_TIMEOUT_MS);
    await prepareGuest(machine, { hasKhop: !options.withoutKhop });
    return machine;
  } catch (cause) {
    await machine[Symbol.asyncDispose]();
    throw cause;
  }
}

function isNative({ flavour = 'amd64' }: SmallMachineOptions): boolean {
  return flavour.endsWith('arm64') === (hostArchitecture() === 'arm64');
}

async function isReady(machine: VirtualMachine): Promise<void> {
  await machine.waitForHello(BOOT_TIMEOUT_MS);
}
