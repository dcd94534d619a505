/**
 * Writes the legacy LZ4 frame, the one that the kernel unpacks (lib/decompress_unlz4.c) and `lz4 -l` writes.
 * "LZ4 Frame Format Description", last chapter; "LZ4 Block Format Description" for sequences and for the two
 * conditions of a block's end.
 *
 * One look into a table of the last places of four bytes, and the match there is taken: what is saved is
 * time, not the last bytes, because the result is unpacked while nothing else runs.
 * @module
 */

const MAGIC = Uint8Array.of(0x02, 0x21, 0x4c, 0x18);
const BLOCK_SIZE = 8 * 1024 * 1024;
const MIN_MATCH = 4;
const MAX_OFFSET = 0xffff;
/** "End of block conditions": the last 5 bytes are literals, and no match begins in the last 12. */
const LAST_LITERALS = 5;
const LAST_MATCH_START = 12;
const HASH_BITS = 16;
/** Knuth's: 2^32 divided by the golden ratio. */
const HASH_FACTOR = 0x9e3779b1 | 0;
/** After 2^6 places without a match, every second one is looked at, and so on. */
const SKIP_SHIFT = 6;
/** From here on a view and a call are cheaper than a loop. */
const LONG_COPY = 64;

/**
 * `pieces`, one behind the other, as one frame, in pieces as well: of what goes in and comes out, no more than a block is
 * ever copied. Without bytes, a frame without blocks.
 */
export function encodeLz4Legacy(pieces: readonly Uint8Array[]): Uint8Array[] {
  const chunks: Uint8Array[] = [MAGIC];
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  const scratch = new Uint8Array(packedBound(Math.min(size, BLOCK_SIZE)));
  const table = new Int32Array(2 ** HASH_BITS);
  for (const block of blocksOf(pieces, size)) {
    const packedSize = encodeBlock(block, scratch, table);
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, packedSize, true);
    chunks.push(header, scratch.slice(0, packedSize));
  }
  return chunks;
}

/** Each is valid until the next one. */
function* blocksOf(pieces: readonly Uint8Array[], size: number): Generator<Uint8Array> {
  const block = new Uint8Array(Math.min(size, BLOCK_SIZE));
  let filled = 0;
  for (const piece of pieces)
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + block.length - filled);
      block.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < block.length) continue;
      yield block;
      filled = 0;
    }
  if (filled > 0) yield block.subarray(0, filled);
}

/** LZ4_COMPRESSBOUND: literals only, a length byte for each 255 of them. */
function packedBound(size: number): number {
  return size + Math.floor(size / 255) + 16;
}

/** @returns how many bytes of `output` it took */
function encodeBlock(input: Uint8Array, output: Uint8Array, table: Int32Array): number {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const matchEnd = input.length - LAST_LITERALS;
  const lastStart = input.length - LAST_MATCH_START;
  table.fill(-1);
  let literalsStart = 0;
  let written = 0;
  let misses = 0;
  for (let at = 0; at <= lastStart; ) {
    const word = view.getUint32(at, true);
    const slot = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS);
    const candidate = table[slot]!;
    table[slot] = at;
    if (candidate < 0 || at - candidate > MAX_OFFSET || view.getUint32(candidate, true) !== word) {
      at += 1 + (misses++ >> SKIP_SHIFT);
      continue;
    }
    misses = 0;
    const offset = at - candidate;
    let start = at;
    while (start > literalsStart && start > offset && input[start - 1] === input[start - 1 - offset]) start--;
    let end = at + MIN_MATCH;
    while (end < matchEnd && input[end] === input[end - offset]) end++;
    const extra = end - start - MIN_MATCH;
    written = writeLiterals(
      output,
      written,
      { input, start: literalsStart, end: start },
      Math.min(extra, 15),
    );
    output[written] = offset & 0xff;
    output[written + 1] = offset >> 8;
    written = extra < 15 ? written + 2 : writeLength(output, written + 2, extra - 15);
    literalsStart = end;
    at = end;
  }
  return writeLiterals(output, written, { input, start: literalsStart, end: input.length }, 0);
}

interface Literals {
  readonly input: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** The token, the rest of the number of literals, and the literals. @returns where it ends */
function writeLiterals(output: Uint8Array, to: number, literals: Literals, matchNibble: number): number {
  const { input, start, end } = literals;
  const count = end - start;
  output[to] = (Math.min(count, 15) << 4) | matchNibble;
  const at = count < 15 ? to + 1 : writeLength(output, to + 1, count - 15);
  if (count > LONG_COPY) output.set(input.subarray(start, end), at);
  else for (let index = 0; index < count; index++) output[at + index] = input[start + index]!;
  return at + count;
}

/** 255 as often as it fits, then the rest. */
function writeLength(output: Uint8Array, to: number, length: number): number {
  const full = Math.floor(length / 255);
  output.fill(255, to, to + full);
  output[to + full] = length % 255;
  return to + full + 1;
}
