/**
 * The small machine: one of Debian's kernels, unmodified, with an initramfs of busybox and the agent, the
 * tool disk at /tool, and khop at /tool/khop. It starts from a checkpoint, made on first use, in less than
 * a second.
 * @module
 */
import { chooseAccelerator } from './accelerator.ts';
import { startFromCheckpoint } from './checkpoint.ts';
import { prepareGuest } from './guest-preparation.ts';
import { type KernelFlavour, type KernelLine, labKernel } from './kernel-store.ts';
import { type FirmwareKind, labFirmware } from './ovmf.ts';
import { programDisk } from './program-disk.ts';
import type { LabDisk, MachineDescription } from './qemu.ts';
import type { QemuLife } from './qemu-process.ts';
import { smallInitramfs } from './small-initramfs.ts';
import { toolDisk } from './tool-disk.ts';
import { VirtualMachine } from './virtual-machine.ts';

const BOOT_TIMEOUT_MS = 120_000;

/** What to start; everything has a default. */
export interface SmallMachineOptions {
  /** The kernel it starts with: 6.1 unless told. */
  readonly kernel?: KernelLine | undefined;
  readonly flavour?: KernelFlavour | undefined;
  /** Kernels in /boot of the guest; all three lines unless told. */
  readonly kernelsToHopTo?: readonly KernelLine[] | undefined;
  /** seabios unless told. */
  readonly firmware?: FirmwareKind | undefined;
  /** 1 unless told. */
  readonly cpus?: number | undefined;
  /** 1024 unless told. */
  readonly memoryMib?: number | undefined;
  /** Added to `console=ttyS0`, e.g. `lockdown=integrity`. */
  readonly kernelArguments?: string | undefined;
  readonly hasFiveLevelPaging?: boolean | undefined;
  readonly hasDisplay?: boolean | undefined;
  readonly onReset?: 'restart' | 'exit' | undefined;
  readonly extraArguments?: readonly string[] | undefined;
  /** Disks after the tool disk and the program disk. */
  readonly disks?: readonly LabDisk[] | undefined;
  /** Boot instead of starting from a checkpoint; for tests of the boot itself. */
  readonly isCold?: boolean | undefined;
  /** Without khop at /tool/khop. */
  readonly withoutKhop?: boolean | undefined;
  readonly keepFolder?: boolean | undefined;
  /** `nobody`: the machine runs on without us, after `detach`. */
  readonly endsWith?: QemuLife | undefined;
}

/**
 * Starts a small machine and waits until its agent answers.
 * @example await using machine = await startSmallMachine({ kernel: '6.1', firmware: 'ovmf' });
 */
export async function startSmallMachine(options: SmallMachineOptions = {}): Promise<VirtualMachine> {
  const description = await describeSmallMachine(options);
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

async function isReady(machine: VirtualMachine): Promise<void> {
  await machine.waitForHello(BOOT_TIMEOUT_MS);
}

/** The machine that `options` mean, as a value. */
export async function describeSmallMachine(options: SmallMachineOptions): Promise<MachineDescription> {
  const description = await describeWith(options, 'tcg');
  const accelerator = await chooseAccelerator(async () => description);
  return { ...description, accelerator };
}

async function describeWith(
  options: SmallMachineOptions,
  accelerator: MachineDescription['accelerator'],
): Promise<MachineDescription> {
  const kernel = await labKernel(options.kernel ?? '6.1', options.flavour);
  const lines = options.kernelsToHopTo ?? ['6.1', '6.12', '7.2'];
  const kernels = await Promise.all(lines.map((line) => labKernel(line)));
  const disks: LabDisk[] = [{ serial: 'khop-tool', path: await toolDisk(kernels), access: 'read-only' }];
  if (!options.withoutKhop)
    disks.push({ serial: 'khop-program', path: await programDisk(), access: 'read-only' });
  return {
    name: `small-${kernel.line}`,
    accelerator,
    firmware: await labFirmware(options.firmware ?? 'seabios'),
    cpus: options.cpus ?? 1,
    memoryMib: options.memoryMib ?? 1024,
    hasFiveLevelPaging: options.hasFiveLevelPaging ?? false,
    hasDisplay: options.hasDisplay ?? false,
    boot: {
      from: 'kernel',
      image: kernel.image,
      initrd: await smallInitramfs(kernel),
      commandLine: ['console=ttyS0', options.kernelArguments ?? ''].join(' ').trim(),
    },
    disks: [...disks, ...(options.disks ?? [])],
    sshPort: undefined,
    onReset: options.onReset ?? 'restart',
    extraArguments: options.extraArguments ?? [],
  };
}
