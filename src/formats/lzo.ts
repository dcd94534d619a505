/**
 * LZO1X data. Documentation/staging/lzo.rst of Linux; the instruction names in the comments are its bit
 * patterns. Version 0 of the bitstream only: version 1 (with runs of zeros) is for zram, not for files.
 * @module
 */
import type { ByteReader } from './byte-reader.ts';

/** The state after a literal run of four or more; 1 to 3 literals after a match are their own state. */
const AFTER_LONG_LITERALS = 4;
const END_DISTANCE = 16384;
const FIRST_LITERAL_BYTE = 18;

/** Where the input is read and the output written; positions move. */
interface Cursor {
  readonly reader: ByteReader;
  readonly input: Uint8Array;
  readonly end: number;
  readonly output: Uint8Array;
  from: number;
  to: number;
}

/** Decodes `size` bytes at `start` into all of `output`. @throws E_FORMAT */
export function decodeLzo1x(reader: ByteReader, start: number, size: number, output: Uint8Array): void {
  const cursor: Cursor = { reader, input: reader.bytes, end: start + size, output, from: start, to: 0 };
  let state = 0;
  const first = size === 0 ? reader.fail('LZO data', start, 'is empty') : cursor.input[start]!;
  if (first >= FIRST_LITERAL_BYTE) {
    cursor.from++;
    copyLiterals(cursor, first - 17);
    state = Math.min(first - 17, AFTER_LONG_LITERALS);
  } else if (first === 17) reader.fail('LZO data', start, 'is of a bitstream version that files do not have');
  for (;;) {
    const next = decodeInstruction(cursor, nextByte(cursor), state);
    if (next === undefined) break;
    state = next;
  }
  if (cursor.from !== cursor.end) reader.fail('LZO data', cursor.from, 'goes on after its end marker');
  if (cursor.to !== output.length)
    reader.fail('LZO data', cursor.from, `unpacks to ${cursor.to} bytes, not to ${output.length}`);
}

/** @returns the new state; undefined at the end marker */
function decodeInstruction(cursor: Cursor, instruction: number, state: number): number | undefined {
  if (instruction >= 64) {
    // 1 L L D D D S S and 0 1 L D D D S S, then H: short distances.
    const length = instruction >= 128 ? 5 + ((instruction >> 5) & 3) : 3 + ((instruction >> 5) & 1);
    const distance = (nextByte(cursor) << 3) + ((instruction >> 2) & 7) + 1;
    return copyMatch(cursor, distance, length, instruction & 3);
  }
  if (instruction >= 32) {
    // 0 0 1 L L L L L, then D and S.
    const length = readLength(cursor, instruction & 31, 31) + 2;
    const word = nextWord(cursor);
    return copyMatch(cursor, (word >> 2) + 1, length, word & 3);
  }
  if (instruction >= 16) {
    // 0 0 0 1 H L L L, then D and S: far distances, and the end marker.
    const length = readLength(cursor, instruction & 7, 7) + 2;
    const word = nextWord(cursor);
    const distance = END_DISTANCE + ((instruction & 8) << 11) + (word >> 2);
    if (distance !== END_DISTANCE) return copyMatch(cursor, distance, length, word & 3);
    if (instruction !== 17) cursor.reader.fail('LZO end marker', cursor.from, 'is malformed');
    return undefined;
  }
  if (state === 0) {
    // 0 0 0 0 L L L L: a long run of literals.
    copyLiterals(cursor, readLength(cursor, instruction, 15) + 3);
    return AFTER_LONG_LITERALS;
  }
  // 0 0 0 0 D D S S, then H: two or three bytes, depending on the literals before.
  const distance = (nextByte(cursor) << 2) + (instruction >> 2);
  return state === AFTER_LONG_LITERALS
    ? copyMatch(cursor, distance + 2049, 3, instruction & 3)
    : copyMatch(cursor, distance + 1, 2, instruction & 3);
}

/** A length that did not fit in its bits goes on in the following bytes: zeros are 255 each. */
function readLength(cursor: Cursor, bits: number, zeroMeans: number): number {
  if (bits !== 0) return bits;
  let length = zeroMeans;
  for (;;) {
    const byte = nextByte(cursor);
    if (byte !== 0) return length + byte;
    length += 255;
  }
}

function nextByte(cursor: Cursor): number {
  if (cursor.from >= cursor.end) cursor.reader.fail('LZO data', cursor.from, 'ends without an end marker');
  return cursor.input[cursor.from++]!;
}

function nextWord(cursor: Cursor): number {
  return nextByte(cursor) | (nextByte(cursor) << 8);
}

function copyLiterals(cursor: Cursor, count: number): void {
  const { input, output, from, to } = cursor;
  if (from + count > cursor.end) cursor.reader.fail('LZO literals', from, 'reach beyond the data');
  if (to + count > output.length)
    cursor.reader.fail('LZO literals', from, 'unpack to more than the block holds');
  if (count > 16) output.set(input.subarray(from, from + count), to);
  else for (let index = 0; index < count; index++) output[to + index] = input[from + index]!;
  cursor.from += count;
  cursor.to += count;
}

/** Copies the match and the `literals` that follow it. @returns `literals`, the new state */
function copyMatch(cursor: Cursor, distance: number, length: number, literals: number): number {
  const { output, to } = cursor;
  if (distance > to)
    cursor.reader.fail('LZO distance', cursor.from, 'reaches before the beginning of the block');
  const end = to + length;
  if (end > output.length)
    cursor.reader.fail('LZO match', cursor.from, 'unpacks to more than the block holds');
  if (length > 32 && distance >= length) output.copyWithin(to, to - distance, to - distance + length);
  else for (let at = to; at < end; at++) output[at] = output[at - distance]!;
  cursor.to = end;
  copyLiterals(cursor, literals);
  return literals;
}
