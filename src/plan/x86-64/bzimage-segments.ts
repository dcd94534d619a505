/**
 * A bzImage for kexec_load: its protected-mode kernel, entered at the 64-bit entry point.
 * Documentation/arch/x86/boot.rst, "64-bit Boot Protocol".
 * @module
 */
import { type BzImage, ENTRY64_OFFSET, parseBzImage } from '../../formats/bzimage.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { findRsdp } from './boot-params-plan.ts';
import { LOADED_HIGH, type X86Kernel } from './handover-segments.ts';

/** Why any kernel cannot be entered at a 64-bit entry point from this machine; empty when it can. */
export function handoverObstacles(machine: MachineFacts): string[] {
  // Without EFI the kernel finds the table itself, in low memory.
  if (machine.efi.state === 'absent' || findRsdp(machine) !== 0n) return [];
  return ['the ACPI tables cannot be found for the new kernel (no RSDP in boot_params or EFI’s systab)'];
}

/** Why a bzImage cannot be entered at its 64-bit entry from this machine; empty when it can. */
export function bzImageObstacles(image: BzImage, machine: MachineFacts): string[] {
  const { xloadFlags } = image;
  const obstacles: string[] = [];
  if (!xloadFlags.isKernel64) obstacles.push('the image has no 64-bit entry point (XLF_KERNEL_64)');
  if (!xloadFlags.canBeLoadedAbove4G)
    obstacles.push('the image cannot take its parts above 4 GiB (XLF_CAN_BE_LOADED_ABOVE_4G)');
  if (!image.isRelocatable) obstacles.push('the image is not relocatable');
  if (valueOf(machine.cpu.fiveLevelPaging) === true && !xloadFlags.supportsFiveLevelPaging)
    obstacles.push('five-level paging is on, and the image cannot be entered with it (XLF_5LEVEL)');
  return [...obstacles, ...handoverObstacles(machine)];
}

/**
 * Below it no decompressor unpacks a kernel, unless it lies below it itself: choose_random_location() draws from the smaller
 * of 512 MiB and its own place (arch/x86/boot/compressed/kaslr.c, 4.8+).
 */
export const LOWEST_UNPACKED = 0x2000_0000n;

/**
 * What the hand-over needs of a bzImage.
 * @param isHigh it is to leave what is below LOWEST_UNPACKED alone @throws E_FORMAT, E_UNSUPPORTED
 */
export function bzImageKernel(file: NamedBytes, isHigh = false): X86Kernel {
  const image = parseBzImage(file.bytes);
  return {
    bytes: image.protectedModeKernel,
    source: file.name,
    memorySize: image.initSize,
    alignment: image.kernelAlignment,
    minimum: isHigh && image.prefAddress < LOWEST_UNPACKED ? LOWEST_UNPACKED : image.prefAddress,
    entryOffset: ENTRY64_OFFSET,
    setupHeader: image.setupHeader,
    supportsEfiKexec: image.xloadFlags.supportsEfiKexec,
    commandLineLimit: image.commandLineSize + 1,
    loadFlags: LOADED_HIGH,
  };
}
