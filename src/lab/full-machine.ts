/**
 * The full machine: Debian bookworm with systemd and ssh on a disk, started by its firmware through GRUB.
 * What it writes goes to an overlay that ends with it.
 * @module
 */
import { startFromCheckpoint } from './checkpoint.ts';
import { fullImage, type KernelPackage } from './full-image.ts';
import { prepareGuest } from './guest-preparation.ts';
import { type KernelLine, labKernel } from './kernel-store.ts';
import { labAccelerator } from './lab-accelerator.ts';
import { type FirmwareKind, labFirmware } from './ovmf.ts';
import { programDisk } from './program-disk.ts';
import type { LabDisk, MachineDescription } from './qemu.ts';
import type { QemuLife } from './qemu-process.ts';
import { toolDisk } from './tool-disk.ts';
import { VirtualMachine } from './virtual-machine.ts';

const BOOT_TIMEOUT_MS = 300_000;

/** What to start; everything has a default. */
export interface FullMachineOptions {
  /** seabios unless told. */
  readonly firmware?: FirmwareKind | undefined;
  /** 2 unless told. */
  readonly cpus?: number | undefined;
  /** 1024 unless told. */
  readonly memoryMib?: number | undefined;
  readonly hasFiveLevelPaging?: boolean | undefined;
  readonly hasDisplay?: boolean | undefined;
  /** Port of the host's loopback for the guest's ssh; without it there is no network. */
  readonly sshPort?: number | undefined;
  readonly onReset?: 'restart' | 'exit' | undefined;
  readonly extraArguments?: readonly string[] | undefined;
  /** Kernels in /tool/boot beside those that are installed; all three lines unless told. */
  readonly kernelsToHopTo?: readonly KernelLine[] | undefined;
  /** Boot through firmware and GRUB instead of starting from a checkpoint. */
  readonly isCold?: boolean | undefined;
  /** Packages that are installed beside those of the lab; they make an image of their own. */
  readonly morePackages?: readonly string[] | undefined;
  /** Of the kernel that starts by itself; the one for clouds unless told. */
  readonly kernelPackage?: KernelPackage | undefined;
  /** Without khop at /tool/khop. */
  readonly withoutKhop?: boolean | undefined;
  readonly keepFolder?: boolean | undefined;
  /** `nobody`: the machine runs on without us, after `detach`. */
  readonly endsWith?: QemuLife | undefined;
}

/**
 * Starts a full machine with kernel 6.1, and waits until systemd has started everything.
 * @example await using machine = await startFullMachine({ firmware: 'ovmf' });
 */
export async function startFullMachine(options: FullMachineOptions = {}): Promise<VirtualMachine> {
  const description = await describeFullMachine(options);
  const { keepFolder, endsWith } = options;
  const machine = options.isCold
    ? await VirtualMachine.start(description, { keepFolder, endsWith })
    : await startFromCheckpoint(description, { keepFolder, endsWith, isReady: waitForSystem });
  try {
    await waitForSystem(machine);
    await prepareGuest(machine, { hasKhop: !options.withoutKhop });
    return machine;
  } catch (cause) {
    await machine[Symbol.asyncDispose]();
    throw cause;
  }
}

/** Waits until the agent answers and systemd says that it is done with starting; failed units are an error. */
export async function waitForSystem(machine: VirtualMachine): Promise<void> {
  await machine.waitForHello(BOOT_TIMEOUT_MS);
  await machine.run('systemctl is-system-running --wait || { systemctl --failed --no-legend; exit 1; }', {
    timeoutMs: BOOT_TIMEOUT_MS,
  });
}

/** The machine that `options` mean, as a value. */
export async function describeFullMachine(options: FullMachineOptions): Promise<MachineDescription> {
  const lines = options.kernelsToHopTo ?? ['6.1', '6.12', '7.2'];
  const kernels = await Promise.all(lines.map((line) => labKernel(line)));
  const image = await fullImage({ kernel: options.kernelPackage, more: options.morePackages });
  const disks: LabDisk[] = [
    { serial: 'khop-root', path: image.disk, access: 'overlay' },
    { serial: 'khop-tool', path: await toolDisk(kernels), access: 'read-only' },
  ];
  if (!options.withoutKhop)
    disks.push({ serial: 'khop-program', path: await programDisk(), access: 'read-only' });
  return {
    name: 'full',
    architecture: 'x86-64',
    accelerator: await labAccelerator(),
    firmware: await labFirmware(options.firmware ?? 'seabios'),
    cpus: options.cpus ?? 2,
    memoryMib: options.memoryMib ?? 1024,
    hasFiveLevelPaging: options.hasFiveLevelPaging ?? false,
    instructionCount: false,
    hasDebugPort: false,
    hasDisplay: options.hasDisplay ?? false,
    boot: { from: 'disk' },
    disks,
    sshPort: options.sshPort,
    onReset: options.onReset ?? 'restart',
    extraArguments: options.extraArguments ?? [],
  };
}
