/**
 * Builds what an x86-64 bzImage's payload is: a vmlinux with its relocation table behind it. The kernel is
 * small, but laid out as the linker lays it out: text, per-CPU data linked at 0 as until Linux 6.14, data, then
 * .bss, which is zeros in the file, and .brk, which is not in it.
 * @module
 */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type UnpackedKernel, unpackKernel } from '../../src/formats/unpacked-kernel.ts';
import { type BzImageOptions, buildBzImage } from './bzimage-builder.ts';
import { buildElf, type ElfSegmentSpec, type ElfSpec } from './elf-writer.ts';

/** Where the text is linked to lie, physically. */
export const PREF_ADDRESS = 0x100_0000n;
/** Low half of the text's virtual address. */
export const LINKED_AT = 0x8100_0000;
/** Offset of .bss from the first byte: what is copied ends here. */
export const BSS_OFFSET = 0x5000;
/** Bytes of memory, .bss and .brk included. */
export const KERNEL_EXTENT = 0x9000;

/** Offsets of places from the kernel's first byte, group by group. */
export type PlaceGroups = readonly (readonly number[])[];

/** Places of all three kinds, in text, per-CPU data and the last bytes of the data. */
export const PLACES = [
  [0x100, 0x108, 0x4ff8],
  [0x3000, 0x3004],
  [0x200, 0x204, 0x2000],
] as const satisfies PlaceGroups;

/** A zero, then the places as linked addresses; one group behind the other. */
export function relocationTable(groups: PlaceGroups, linkedAt = LINKED_AT): Uint8Array {
  return tableOf(groups.flatMap((places) => [0, ...places.map((offset) => linkedAt + offset)]));
}

/** The words as they are. */
export function tableOf(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word, true);
  return bytes;
}

/** Bytes that differ from their neighbours, so that a wrong place shows. */
function pattern(length: number, start: number): Uint8Array {
  return Uint8Array.from({ length }, (_none, index) => (start + index * 7) & 0xff);
}

function segments(): readonly ElfSegmentSpec[] {
  const data = new Uint8Array(0x3000);
  data.set(pattern(0x1000, 3));
  return [
    {
      virtualAddress: 0xffff_ffff_8100_0000n,
      physicalAddress: PREF_ADDRESS,
      bytes: pattern(0x3000, 1),
    },
    { virtualAddress: 0n, physicalAddress: PREF_ADDRESS + 0x3000n, bytes: pattern(0x1000, 2) },
    {
      virtualAddress: 0xffff_ffff_8100_4000n,
      physicalAddress: PREF_ADDRESS + 0x4000n,
      memorySize: 0x5000n,
      bytes: data,
    },
  ];
}

/** The vmlinux; `over` replaces parts of it. */
export function buildVmlinux(over: Partial<ElfSpec> = {}): Uint8Array {
  return buildElf({
    entry: PREF_ADDRESS + 0x40n,
    segments: segments(),
    sections: [
      { name: '.text', address: 0xffff_ffff_8100_0000n, bytes: new Uint8Array(0) },
      { name: '.data', address: 0xffff_ffff_8100_4000n, bytes: new Uint8Array(0) },
      { name: '.bss', type: 8, address: 0xffff_ffff_8100_5000n, bytes: new Uint8Array(0) },
    ],
    ...over,
  });
}

/** How a payload is packed. */
export type PayloadPacking = 'gzip' | 'zstd' | 'none';

/** A kernel's parts, each as ordinary as can be unless named. */
export interface KernelImageSpec {
  readonly vmlinux?: Uint8Array;
  readonly table?: Uint8Array;
  readonly packing?: PayloadPacking;
  /** What the image claims that its payload unpacks to, bytes; not for gzip, which says it itself. */
  readonly claimedSize?: number;
  readonly header?: BzImageOptions;
}

/** A bzImage with such a payload. */
export function buildKernelImage({ vmlinux, table, packing, claimedSize, header }: KernelImageSpec = {}) {
  const payload = Buffer.concat([vmlinux ?? buildVmlinux(), table ?? relocationTable(PLACES)]);
  return buildBzImage({
    payload: pack(payload, packing ?? 'zstd', claimedSize ?? payload.length),
    ...header,
  });
}

/** The size stands behind everything but gzip, which ends with it (scripts/Makefile.lib, size_append). */
function pack(payload: Uint8Array, packing: PayloadPacking, claimedSize: number): Uint8Array {
  if (packing === 'gzip') return gzipSync(payload);
  const packed = packing === 'zstd' ? zstdCompressSync(payload) : payload;
  return Buffer.concat([packed, tableOf([claimedSize])]);
}

/** Such a kernel, unpacked. */
export function buildUnpackedKernel(spec: KernelImageSpec = {}): UnpackedKernel {
  return unpackKernel(buildKernelImage(spec), 'vmlinuz');
}

/**
 * What the image looks like after a move by `distance`: the rule of the table's groups with integers of
 * whatever length, for comparison.
 */
export function movedImage(image: Uint8Array, groups: PlaceGroups, distance: bigint): Uint8Array {
  const moved = Buffer.from(image);
  const [quads, inverse, words] = groups.length === 3 ? groups : [groups[0], [], groups[1]];
  for (const at of quads ?? [])
    moved.writeBigUInt64LE(BigInt.asUintN(64, moved.readBigUInt64LE(at) + distance), at);
  for (const at of inverse ?? []) addToWord(moved, at, -distance);
  for (const at of words ?? []) addToWord(moved, at, distance);
  return new Uint8Array(moved);
}

function addToWord(bytes: Buffer, at: number, distance: bigint): void {
  bytes.writeUInt32LE(Number(BigInt.asUintN(32, BigInt(bytes.readUInt32LE(at)) + distance)), at);
}
