/**
 * One LZ4 block: literals and matches. "LZ4 Block Format Description"; the words below are its headings.
 * @module
 */
import type { ByteReader } from './byte-reader.ts';

const MIN_MATCH = 4;
const LONG_COPY = 32;

/** Where a block lies and where its output goes. */
export interface Lz4Block {
  readonly start: number;
  readonly end: number;
  readonly output: Uint8Array;
  readonly outputStart: number;
  readonly outputLimit: number;
  /** Matches reach back to here: the block's own start, or that of the frame when blocks are linked. */
  readonly historyStart: number;
}

/** @returns the position after the last byte of output; undefined: it goes beyond the limit. @throws E_FORMAT */
export function decodeLz4Block(reader: ByteReader, block: Lz4Block): number | undefined {
  const { end, output, outputLimit } = block;
  const input = reader.bytes;
  let from = block.start;
  let to = block.outputStart;
  while (from < end) {
    const token = input[from++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255 && from < end) {
        more = input[from++]!;
        literals += more;
      }
    }
    if (from + literals > end) reader.fail('LZ4 literals', from, 'reach beyond the block');
    if (to + literals > outputLimit) return undefined;
    if (literals > LONG_COPY) output.set(input.subarray(from, from + literals), to);
    else for (let index = 0; index < literals; index++) output[to + index] = input[from + index]!;
    from += literals;
    to += literals;
    // "End of block conditions": the last sequence has only literals.
    if (from === end) return to;
    if (from + 2 > end) reader.fail('LZ4 offset', from, 'reaches beyond the block');
    const offset = input[from]! | (input[from + 1]! << 8);
    from += 2;
    let length = (token & 15) + MIN_MATCH;
    if (length === 15 + MIN_MATCH) {
      let more = 255;
      while (more === 255 && from < end) {
        more = input[from++]!;
        length += more;
      }
    }
    if (offset === 0 || offset > to - block.historyStart)
      reader.fail('LZ4 offset', from, 'reaches before the beginning of the data');
    if (to + length > outputLimit) return undefined;
    copyMatch(output, to, offset, length);
    to += length;
  }
  return reader.fail('LZ4 block', end, 'ends without a last sequence of literals');
}

function copyMatch(output: Uint8Array, to: number, offset: number, length: number): void {
  if (length > LONG_COPY && offset >= length) output.copyWithin(to, to - offset, to - offset + length);
  else for (let end = to + length; to < end; to++) output[to] = output[to - offset]!;
}
