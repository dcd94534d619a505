/**
 * The relocation table of an x86-64 kernel: every place that holds a virtual address of the kernel itself. The
 * build appends it to the vmlinux inside a bzImage's payload (arch/x86/tools/relocs.c, emit_relocs), and the
 * decompressor uses it to move the kernel to a random address (KASLR).
 *
 * There is no header and no count. Words are u32, the low half of the place's address as linked; groups stand
 * one behind the other, each after one zero word, the last one at the very end:
 *
 *   0, 64-bit places..., 0, places to subtract from..., 0, 32-bit places...     up to Linux 6.14
 *   0, 64-bit places..., 0, 32-bit places...                                    since 6.15
 *
 * The middle group are references relative to per-CPU data, which was linked at 0 until 6.15. How many zeros
 * there are says which layout it is; versions are never compared.
 * @module
 */
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';

const WORD = 4;

/** Places in the kernel's image, as offsets from its first byte. */
export interface KernelRelocations {
  /** u64: the distance is added. */
  readonly quads: Uint32Array;
  /** u32: the distance is subtracted. */
  readonly inverseWords: Uint32Array;
  /** u32: the distance is added. */
  readonly words: Uint32Array;
}

/** The image that the places are in. */
export interface RelocatedImage {
  /** Low 32 bits of the virtual address at which its first byte is linked. */
  readonly linkedAt: number;
  /** Bytes; every place lies inside, with its whole width. */
  readonly size: number;
}

/**
 * @param table the payload behind the ELF file, all of it
 * @returns undefined for an empty table: the kernel was built without CONFIG_RANDOMIZE_BASE
 * @throws E_FORMAT for a table of another layout, or with a place outside the image
 */
export function parseKernelRelocations(
  table: Uint8Array,
  image: RelocatedImage,
): KernelRelocations | undefined {
  if (table.length === 0) return undefined;
  const reader: ByteReader = new ByteReader(table, 'relocation table');
  if (table.length % WORD !== 0)
    reader.fail('length', table.length, 'the table is no whole number of 32-bit words');
  const all = toWords(table);
  const zeros = zeroPositions(all);
  if (all[0] !== 0) reader.fail('first group', 0, 'the table does not begin with a zero');
  const [first, second, third] = zeros;
  if (first === undefined || second === undefined || zeros.length > 3)
    reader.fail('groups', 0, `there are ${zeros.length} groups, and only 2 or 3 are known`);
  const group = (from: number, to: number, width: number) =>
    toOffsets(all.subarray(from + 1, to), image, width, reader);
  return {
    quads: group(first, second, 8),
    inverseWords: third === undefined ? new Uint32Array(0) : group(second, third, 4),
    words: group(third ?? second, all.length, 4),
  };
}

/** A copy, because the table may lie at any address. */
function toWords(table: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(table).buffer);
}

function zeroPositions(words: Uint32Array): number[] {
  const found: number[] = [];
  for (let at = words.indexOf(0); at >= 0 && found.length < 4; at = words.indexOf(0, at + 1)) found.push(at);
  return found;
}

function toOffsets(
  places: Uint32Array,
  { linkedAt, size }: RelocatedImage,
  width: number,
  reader: ByteReader,
): Uint32Array {
  const offsets = new Uint32Array(places.length);
  for (let index = 0; index < places.length; index++) {
    const offset = places[index]! - linkedAt;
    if (offset < 0 || offset + width > size)
      reader.fail(
        'place',
        places[index]!,
        `0x${places[index]!.toString(16)} lies outside the kernel’s image`,
      );
    offsets[index] = offset;
  }
  return offsets;
}

/**
 * Moves the image, in place, from the address it is linked at by `distance` bytes.
 * @param distance a multiple of the kernel's alignment; the moved image ends below the top of the address space
 * @throws E_PLAN for a distance that 32-bit places cannot hold
 */
export function applyKernelRelocations(
  image: Uint8Array,
  { quads, inverseWords, words }: KernelRelocations,
  distance: number,
): void {
  if (!Number.isSafeInteger(distance) || Math.abs(distance) >= 2 ** 31)
    throw new KhopError('E_PLAN', `a kernel cannot be moved by ${distance} bytes`, {
      hint: 'This is a mistake in khop: please report it.',
    });
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (const offset of quads) addToQuad(view, offset, distance);
  for (const offset of inverseWords) view.setUint32(offset, view.getUint32(offset, true) - distance, true);
  for (const offset of words) view.setUint32(offset, view.getUint32(offset, true) + distance, true);
}

/** Two halves with a carry: a BigInt for each of 200,000 places would cost more than all else. */
function addToQuad(view: DataView, offset: number, distance: number): void {
  const low = view.getUint32(offset, true) + distance;
  view.setUint32(offset, low, true);
  const carry = Math.floor(low / 2 ** 32);
  if (carry !== 0) view.setUint32(offset + 4, view.getUint32(offset + 4, true) + carry, true);
}
