/**
 * The small machine as a value.
 * @module
 */
import { type KernelFlavour, type KernelLine, labKernel } from './kernel-store.ts';
import { type FirmwareKind, labFirmware } from './ovmf.ts';
import { PLATFORMS } from './platform.ts';
import { programDisk } from './program-disk.ts';
import type { LabDisk, MachineDescription } from './qemu.ts';
import type { QemuLife } from './qemu-process.ts';
import { smallInitramfs } from './small-initramfs.ts';
import { toolDisk } from './tool-disk.ts';

/** What to start; everything has a default. */
export interface SmallMachineOptions {
  /** The kernel it starts with: 6.1 unless told. */
  readonly kernel?: KernelLine | undefined;
  /** It is for the machine's architecture: `amd64` unless told. */
  readonly flavour?: KernelFlavour | undefined;
  /** Kernels in /boot of the guest; all three lines unless told. */
  readonly kernelsToHopTo?: readonly KernelLine[] | undefined;
  /** seabios unless told; on arm64 none. */
  readonly firmware?: FirmwareKind | undefined;
  /** 1 unless told. */
  readonly cpus?: number | undefined;
  /** 1024 unless told. */
  readonly memoryMib?: number | undefined;
  /** Added to `console=`, e.g. `lockdown=integrity`. */
  readonly kernelArguments?: string | undefined;
  readonly hasFiveLevelPaging?: boolean | undefined;
  readonly hasDisplay?: boolean | undefined;
  /** Not unless told; then the machine is emulated, whatever the host can. */
  readonly instructionCount?: boolean | undefined;
  readonly hasDebugPort?: boolean | undefined;
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

/** The machine that `options` mean. Fetches and builds what it is made of. */
export async function describeSmallMachine(
  options: SmallMachineOptions,
  accelerator: MachineDescription['accelerator'],
): Promise<MachineDescription> {
  const kernel = await labKernel(options.kernel ?? '6.1', options.flavour);
  const lines = options.kernelsToHopTo ?? ['6.1', '6.12', '7.2'];
  const { architecture } = kernel;
  const { console, debian } = PLATFORMS[architecture];
  const kernels = await Promise.all(lines.map((line) => labKernel(line, debian)));
  const disks: LabDisk[] = [
    { serial: 'khop-tool', path: await toolDisk(kernels, architecture), access: 'read-only' },
  ];
  if (!options.withoutKhop)
    disks.push({ serial: 'khop-program', path: await programDisk(architecture), access: 'read-only' });
  return {
    name: `small-${kernel.line}`,
    architecture,
    accelerator,
    firmware: architecture === 'arm64' ? { kind: 'none' } : await labFirmware(options.firmware ?? 'seabios'),
    cpus: options.cpus ?? 1,
    memoryMib: options.memoryMib ?? 1024,
    hasFiveLevelPaging: options.hasFiveLevelPaging ?? false,
    instructionCount: options.instructionCount ?? false,
    hasDebugPort: options.hasDebugPort ?? false,
    hasDisplay: options.hasDisplay ?? false,
    boot: {
      from: 'kernel',
      image: kernel.image,
      initrd: await smallInitramfs(kernel),
      commandLine: [`console=${console}`, options.kernelArguments ?? ''].join(' ').trim(),
    },
    disks: [...disks, ...(options.disks ?? [])],
    sshPort: undefined,
    onReset: options.onReset ?? 'restart',
    extraArguments: options.extraArguments ?? [],
  };
}
