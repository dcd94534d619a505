/**
 * An x86-64 kernel taken out of its bzImage, laid out as it will lie in memory: what the decompressor would do
 * in the new kernel's time, done beforehand. The payload is a vmlinux with its relocation table behind it.
 *
 * Segments are placed by physical address, never by virtual: per-CPU data was linked at 0 until Linux 6.15.
 * @module
 */
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import { type BzImage, bzImagePayload, decodeXloadFlags, parseBzImage, type XloadFlags } from './bzimage.ts';
import { decompress, detectCompression } from './compression.ts';
import {
  ELF_MACHINES,
  type ElfFile,
  type LoadSegment,
  loadSegments,
  parseElf,
  SECTION_HEADER_SIZE,
} from './elf.ts';
import { findElfSection } from './elf-sections.ts';
import { releaseBytes } from './release-bytes.ts';
import { type KernelRelocations, parseKernelRelocations } from './x86-relocations.ts';

/** __START_KERNEL_map: physical address 0 of the kernel's own mapping. */
const KERNEL_MAP_LOW_HALF = 0x8000_0000;
/** KERNEL_IMAGE_SIZE with CONFIG_RANDOMIZE_BASE: from physical address 0 on, no kernel is linked beyond it. */
export const KERNEL_IMAGE_SIZE = 1 << 30;

/** Everything but the bytes: small numbers that go into a file as they are. */
export interface UnpackedLayout {
  /** pref_address: where the image is linked to lie. */
  readonly prefAddress: number;
  /** kernel_alignment, a power of two. */
  readonly alignment: number;
  /** Of startup_64, from the first byte of the image. */
  readonly entryOffset: number;
  /** Bytes of memory from the first byte on, .bss and .brk included. */
  readonly memorySize: number;
  /** Bytes that a random virtual address has to leave room for. */
  readonly virtualSize: number;
  /** Longest command line, bytes without the NUL. */
  readonly commandLineSize: number;
  /** xloadflags of the setup header. */
  readonly xloadFlags: number;
}

/** A kernel that only needs an address. */
export interface UnpackedKernel {
  readonly layout: UnpackedLayout;
  /** From 0x1f1 on, for boot_params. */
  readonly setupHeader: Uint8Array;
  /** From `prefAddress` on up to .bss, which the kernel clears itself. */
  readonly image: Uint8Array;
  /**
   * The image as it was, to be written into, where that takes no copy of it: another call has it back, so only
   * the last one's bytes count.
   */
  readonly takeImage?: (() => Uint8Array) | undefined;
  /** To be called when that is done: nothing of what it took is needed again. */
  readonly imageWasMoved?: (() => void) | undefined;
  /** Plans that are kept together have one image: the first that moves it says where to, see `SharedMove`. */
  readonly sharedMove?: SharedMove | undefined;
  /** See x86-relocations.ts; empty when the kernel has none. */
  readonly relocationTable: Uint8Array;
}

/** An image at a virtual address that one plan has drawn, for the others to take as it is. */
export interface SharedMove {
  /** Undefined until then. */
  image: Uint8Array | undefined;
}

/**
 * @param bytes a bzImage
 * @param name how errors name it
 * @throws E_FORMAT for a damaged image or one whose parts contradict each other; E_UNSUPPORTED for one that
 *   cannot be moved
 */
export function unpackKernel(bytes: Uint8Array, name: string): UnpackedKernel {
  const header = parseBzImage(bytes);
  if (!header.isRelocatable) throw notRelocatable(name);
  const payload = unpackPayload(header, name);
  const reader = new ByteReader(payload, `the payload of ${name}`);
  const elf = parseElf(payload);
  if (elf.machine !== ELF_MACHINES.x86_64) reader.fail('e_machine', 0x12, `is ${elf.machine}, not x86-64`);
  const segments = loadSegments(elf);
  const extent = extentOf(segments, header.prefAddress, reader);
  const elfEnd = endOfElf(elf, reader);
  const entryOffset = Number(elf.entry - header.prefAddress);
  const image = flatten(segments, header.prefAddress, startOfBss(elf, header.prefAddress));
  if (entryOffset < 0 || entryOffset >= image.length)
    reader.fail('e_entry', elf.entry, 'lies in no loaded segment');
  const unpacked: UnpackedKernel = {
    layout: {
      prefAddress: Number(header.prefAddress),
      alignment: Number(header.kernelAlignment),
      entryOffset,
      memorySize: Math.max(header.initSize, extent),
      virtualSize: Math.max(payload.length, extent),
      commandLineSize: header.commandLineSize,
      xloadFlags: header.xloadFlags.bits,
    },
    setupHeader: new Uint8Array(header.setupHeader),
    image,
    relocationTable: new Uint8Array(payload.subarray(elfEnd)),
  };
  // A damaged table is found here, not when it is used.
  relocationsOf(unpacked);
  if (payload.buffer !== bytes.buffer) releaseBytes(payload);
  return unpacked;
}

/** The places to relocate; undefined when the kernel was built without any. @throws E_FORMAT */
export function relocationsOf({
  layout,
  image,
  relocationTable,
}: UnpackedKernel): KernelRelocations | undefined {
  return parseKernelRelocations(relocationTable, {
    linkedAt: KERNEL_MAP_LOW_HALF + layout.prefAddress,
    size: image.length,
  });
}

/** The flags by name. */
export function xloadFlagsOf({ xloadFlags }: UnpackedLayout): XloadFlags {
  return decodeXloadFlags(xloadFlags);
}

function notRelocatable(name: string): KhopError {
  return new KhopError('E_UNSUPPORTED', `${name} runs only where it is linked to lie (relocatable_kernel)`, {
    hint: 'Its own decompressor has to enter it: switch without --fast.',
  });
}

/** The payload's exact length counts: the relocation table is found from its end. */
function unpackPayload(header: BzImage, name: string): Uint8Array {
  const { compressed, uncompressedSize } = bzImagePayload(header);
  const options = { name: `the payload of ${name}`, maxOutputBytes: uncompressedSize };
  const isPacked = detectCompression(compressed) !== undefined;
  const payload = isPacked ? decompress(compressed, options) : compressed;
  if (payload.length !== uncompressedSize)
    new ByteReader(payload, options.name).fail(
      'size',
      payload.length,
      `unpacks to another size than the ${uncompressedSize} bytes that the image names`,
    );
  return payload;
}

/** Bytes from the first segment to the end of the last. */
function extentOf(segments: readonly LoadSegment[], prefAddress: bigint, reader: ByteReader): number {
  const [first, last] = [segments[0], segments.at(-1)];
  if (first === undefined || last === undefined) reader.fail('e_phnum', 0x38, 'there is nothing to load');
  if (first.physicalAddress !== prefAddress)
    reader.fail('p_paddr', first.physicalAddress, `is not pref_address, 0x${prefAddress.toString(16)}`);
  const end = last.physicalAddress + last.memorySize;
  if (end > BigInt(KERNEL_IMAGE_SIZE))
    reader.fail('p_memsz', end, 'is beyond what a kernel can be linked to');
  return Number(end - prefAddress);
}

/** The section header table is the last thing in the file that the build links. */
function endOfElf({ sectionTable }: ElfFile, reader: ByteReader): number {
  if (sectionTable.count === 0)
    reader.fail('e_shnum', 0x3c, 'there are no sections, so the table’s start is not known');
  return sectionTable.offset + sectionTable.count * SECTION_HEADER_SIZE;
}

/**
 * Offset of .bss from the first byte. The kernel clears it and .brk itself (arch/x86/kernel/head64.c,
 * clear_bss); behind them is only room to work in. In the file they are zeros, a third of the whole.
 */
function startOfBss(elf: ElfFile, prefAddress: bigint): number {
  const section = findElfSection(elf, '.bss');
  if (section === undefined) return KERNEL_IMAGE_SIZE;
  return Number(BigInt.asUintN(32, section.address)) - KERNEL_MAP_LOW_HALF - Number(prefAddress);
}

/** Zeros between the segments. @param end what lies at this offset or behind it stays out */
function flatten(segments: readonly LoadSegment[], start: bigint, end: number): Uint8Array {
  const last = segments.at(-1)!;
  const size = Number(last.physicalAddress - start) + last.bytes.length;
  const image = new Uint8Array(Math.max(0, Math.min(size, end)));
  for (const { physicalAddress, bytes } of segments) {
    const offset = Number(physicalAddress - start);
    if (offset < image.length) image.set(bytes.subarray(0, image.length - offset), offset);
  }
  return image;
}
