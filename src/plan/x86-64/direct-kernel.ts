/**
 * A kernel that was unpacked beforehand, for kexec_load: entered at startup_64, where its decompressor would
 * have ended. Everything that the decompressor does is done here or refused:
 *
 *   unpacks and places the segments    formats/unpacked-kernel.ts
 *   chooses random addresses (KASLR)   kaslr.ts; `nokaslr` is honoured, and the kernel is told in loadflags
 *   relocates                          formats/x86-relocations.ts
 *   finds the RSDP                     boot-params-plan.ts
 *   switches paging modes (no5lvl)     cannot be done: refused when the running kernel has another mode
 *   honours mem= and memmap=           refused, as what else it minds of memory: MEMORY_ARGUMENTS
 *   sets memory encryption up          refused
 *
 * Only what has content is copied in the jump. The memory of .bss and .brk behind it is kept free of the other
 * segments; the kernel clears it itself.
 * @module
 */
import { KhopError } from '../../error.ts';
import { readMemorySize } from '../../formats/memory-size.ts';
import { relocationsOf, type UnpackedKernel, xloadFlagsOf } from '../../formats/unpacked-kernel.ts';
import { applyKernelRelocations, type KernelRelocations } from '../../formats/x86-relocations.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import { type Reading, valueOf } from '../../machine/reading.ts';
import { type CommandLineArgument, hasArgument, kernelArguments } from '../command-line.ts';
import { handoverObstacles } from './bzimage-segments.ts';
import { LOADED_HIGH, type X86Kernel } from './handover-segments.ts';
import { drawPhysicalBase, drawVirtualDistance, RandomDraws } from './kaslr.ts';

/** loadflags: KASLR_FLAG, by which the decompressor tells the kernel that its place is a random one. */
const KASLR_FLAG = 2;

/**
 * Arguments that change which memory there is for a kernel, which the decompressor minds when it chooses a place:
 * arch/x86/boot/compressed/kaslr.c, handle_mem_options(), and acpi.c, count_immovable_mem_regions(). Huge pages of 1 GiB
 * are among them, see `reservesGigabytePages`.
 */
const MEMORY_ARGUMENTS = ['mem=', 'memmap=', 'efi_fake_mem=', 'movable_node'];
const GIGABYTE = 1n << 30n;

/** Of the request's random bytes the first go into the seed for the new kernel. */
const ENTROPY_OFFSET = 64;

/** Why this kernel cannot be entered directly from this machine, one clause each; empty when it can. */
export function directObstacles(
  { layout }: UnpackedKernel,
  machine: MachineFacts,
  commandLine: string,
): string[] {
  const obstacles: string[] = [];
  const flags = xloadFlagsOf(layout);
  if (!flags.isKernel64 || !flags.canBeLoadedAbove4G)
    obstacles.push('the image does not promise a 64-bit kernel that may lie above 4 GiB (xloadflags)');
  obstacles.push(...pagingObstacles(flags.supportsFiveLevelPaging, machine, commandLine));
  obstacles.push(...encryptionObstacles(machine, commandLine));
  const minded = MEMORY_ARGUMENTS.filter((name) => hasArgument(commandLine, name.replace('=', '')));
  if (reservesGigabytePages(commandLine)) minded.push('hugepages= of 1 GiB');
  for (const name of minded)
    obstacles.push(`${name} is on the command line, and only the kernel’s own decompressor minds it`);
  return [...obstacles, ...handoverObstacles(machine)];
}

/** parse_gb_huge_pages(): the decompressor leaves whole gigabytes for them; smaller pages find their place anyway. */
function reservesGigabytePages(commandLine: string): boolean {
  const isGigabyte = ({ name, value }: CommandLineArgument): boolean =>
    name === 'hugepagesz' && readMemorySize(value ?? '')?.bytes === GIGABYTE;
  return hasArgument(commandLine, 'hugepages') && kernelArguments(commandLine).some(isGigabyte);
}

/** The mode in which the running kernel is stays: only the decompressor can change it. */
function pagingObstacles(supportsFiveLevels: boolean, machine: MachineFacts, commandLine: string): string[] {
  const hasFiveLevels = machine.cpu.fiveLevelPaging;
  if (hasFiveLevels.state !== 'read') return [unknown('the paging mode', hasFiveLevels)];
  if (!hasFiveLevels.value) return [];
  if (!supportsFiveLevels) return ['five-level paging is on, and the kernel cannot be entered with it'];
  if (hasArgument(commandLine, 'no5lvl'))
    return ['no5lvl is on the command line, and only the kernel’s own decompressor leaves five-level paging'];
  return [];
}

function encryptionObstacles(machine: MachineFacts, commandLine: string): string[] {
  const guest = machine.confidentialGuest;
  if (guest.state === 'read')
    return [`a confidential guest (${guest.value}) needs the set-up in the kernel’s own decompressor`];
  if (guest.state === 'unreadable') return [unknown('whether this is a confidential guest', guest)];
  if (machine.commandLine.state === 'unreadable')
    return [unknown('whether memory is encrypted', machine.commandLine)];
  const lines = [commandLine, valueOf(machine.commandLine) ?? ''];
  return lines.some((line) => hasArgument(line, 'mem_encrypt'))
    ? ['mem_encrypt= is on a command line, and memory encryption is set up by the kernel’s own decompressor']
    : [];
}

function unknown(what: string, reading: Reading<unknown>): string {
  return `${what} is not known (${reading.source} cannot be read)`;
}

/** What the hand-over needs, and what has become of KASLR, one sentence. */
export interface DirectKernel {
  readonly kernel: X86Kernel;
  readonly isRandom: boolean;
  readonly note: string;
}

/**
 * @param entropy as in LoadRequest
 * @throws E_FORMAT for a damaged relocation table, E_PLAN when the kernel cannot be moved
 */
export function directKernel(
  unpacked: UnpackedKernel,
  source: string,
  options: { readonly commandLine: string; readonly entropy: Uint8Array },
): DirectKernel {
  const { layout, setupHeader } = unpacked;
  const base = {
    source,
    memorySize: layout.memorySize,
    copiedSize: unpacked.image.length,
    alignment: BigInt(layout.alignment),
    minimum: BigInt(layout.prefAddress),
    entryOffset: BigInt(layout.entryOffset),
    setupHeader,
    supportsEfiKexec: xloadFlagsOf(layout).supportsEfiKexec,
    commandLineLimit: layout.commandLineSize + 1,
  };
  const relocations = relocationsOf(unpacked);
  const { sharedMove } = unpacked;
  // A kernel works at any virtual address it was moved to; without KASLR_FLAG it takes no other random choice.
  const fixed = { ...base, bytes: sharedMove?.image ?? unpacked.image, loadFlags: LOADED_HIGH };
  if (hasArgument(options.commandLine, 'nokaslr'))
    return { kernel: fixed, isRandom: false, note: 'KASLR is off: nokaslr is on the command line.' };
  if (relocations === undefined)
    return {
      kernel: fixed,
      isRandom: false,
      note: 'KASLR is off: the kernel was built without it (no relocations).',
    };
  if (options.entropy.length < ENTROPY_OFFSET + 64)
    throw new KhopError('E_PLAN', `${options.entropy.length} random bytes are too few for KASLR`, {
      hint: 'This is a mistake in khop: please report it.',
    });
  const draws = new RandomDraws(options.entropy.subarray(ENTROPY_OFFSET));
  const bytes = sharedMove?.image ?? moveImage(unpacked, relocations, drawVirtualDistance(layout, draws));
  if (sharedMove !== undefined) sharedMove.image = bytes;
  return {
    kernel: {
      ...base,
      bytes,
      loadFlags: LOADED_HIGH | KASLR_FLAG,
      choosePlace: (free) => drawPhysicalBase(free, layout, draws),
    },
    isRandom: true,
    note: 'KASLR is on: the physical and the virtual address were drawn for this load.',
  };
}

function moveImage(unpacked: UnpackedKernel, relocations: KernelRelocations, distance: number): Uint8Array {
  const bytes = unpacked.takeImage?.() ?? new Uint8Array(unpacked.image);
  applyKernelRelocations(bytes, relocations, distance);
  unpacked.imageWasMoved?.();
  return bytes;
}
