/**
 * What of an entry there is room for: memory while it is made, and the disk that it is kept on. The unpacked kernel saves
 * the most and takes the least, so that it stays when the initramfs has to be left out.
 * @module
 */
import { KhopError } from '../error.ts';
import { bzImagePayload, parseBzImage } from '../formats/bzimage.ts';
import { detectCompression } from '../formats/compression.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { UnpackedKernel } from '../formats/unpacked-kernel.ts';
import type { InitramfsPacking } from '../plan/initramfs/pack-initramfs.ts';
import { expectInitrdMemory } from '../plan/unpacking-memory.ts';
import type { UnwrappedImage } from '../plan/unwrap-image.ts';
import type { FileContent } from './prepared-store.ts';

/** Of an archive with lz4, whose modules are compressed already. */
const LZ4_PART = 0.5;

/** Bytes of memory that unpacking the kernel takes: its payload, and what is laid out of it. None for what will not be. */
export function kernelMemory({ kind, kernel }: UnwrappedImage): number {
  if (kind !== 'bzimage') return 0;
  try {
    const { compressed, uncompressedSize } = bzImagePayload(parseBzImage(kernel.bytes));
    return detectCompression(compressed) === undefined ? 0 : 2 * uncompressedSize;
  } catch (error) {
    if (error instanceof KhopError) return 0;
    throw error;
  }
}

/** Bytes of memory that it takes to prepare the initramfs, about, while the unpacked kernel waits to be written. */
export function initramfsMemory(
  initrd: NamedBytes | undefined,
  kernel: UnpackedKernel | undefined,
  packing: InitramfsPacking,
): number {
  if (initrd === undefined) return 0;
  const { heldBytes, contentBytes } = expectInitrdMemory(initrd);
  return heldBytes + (packing === 'lz4' ? contentBytes * LZ4_PART : 0) + (kernel?.image.length ?? 0);
}

/** What is written of an entry. */
export interface Fitting {
  readonly contents: readonly FileContent[];
  /** Why the initramfs is not among it, and what the whole entry takes of the disk; undefined: there is room for all. */
  readonly leftOut: { readonly obstacle: string; readonly diskBytes: number } | undefined;
}

/**
 * @param lackOfRoom why so many bytes cannot be kept; undefined when they can
 * @throws E_UNWRITABLE when there is room for neither
 */
export function fittingContents(
  kernel: readonly FileContent[],
  initramfs: readonly FileContent[],
  lackOfRoom: (bytes: number) => string | undefined,
): Fitting {
  const contents = [...kernel, ...initramfs];
  const diskBytes = sizeOf(contents);
  const obstacle = lackOfRoom(diskBytes);
  if (obstacle === undefined) return { contents, leftOut: undefined };
  if (kernel.length > 0 && initramfs.length > 0 && lackOfRoom(sizeOf(kernel)) === undefined)
    return { contents: kernel, leftOut: { obstacle, diskBytes } };
  throw new KhopError('E_UNWRITABLE', `there is no room for what was prepared: ${obstacle}`, {
    hint: 'Free room there, or switch without --fast, which needs no cache.',
  });
}

function sizeOf(contents: readonly FileContent[]): number {
  return contents.flatMap(({ pieces }) => pieces).reduce((sum, { length }) => sum + length, 0);
}
