/**
 * Snappy data without the framing of its files. Specification: google/snappy format_description.txt.
 * @module
 */
import type { ByteReader } from './byte-reader.ts';

/**
 * Decodes all bytes of `reader` into all of `output`.
 * @throws E_FORMAT for damaged data, or data that unpacks to another size
 */
export function decodeSnappy(reader: ByteReader, output: Uint8Array): void {
  const header = readVarint(reader);
  if (header.value !== output.length)
    reader.fail('Snappy length', 0, `unpacks to ${header.value} bytes, not to ${output.length}`);
  let from = header.end;
  let to = 0;
  while (from < reader.length) {
    const tag = reader.u8(from, 'Snappy tag');
    const upper = tag >> 2;
    if ((tag & 3) === 0) {
      // A literal: lengths above 60 are in the 1 to 4 bytes that follow, little-endian, less one.
      const extra = upper < 60 ? 0 : upper - 59;
      const length = (extra === 0 ? upper : readNumber(reader, from + 1, extra)) + 1;
      const literal = reader.slice(from + 1 + extra, length, 'Snappy literal');
      if (to + length > output.length)
        reader.fail('Snappy literal', from, 'unpacks to more than the page holds');
      output.set(literal, to);
      from += 1 + extra + length;
      to += length;
      continue;
    }
    const width = [0, 1, 2, 4][tag & 3]!;
    const isShort = width === 1;
    const length = isShort ? (upper & 7) + 4 : upper + 1;
    const distance = readNumber(reader, from + 1, width) + (isShort ? (upper >> 3) * 256 : 0);
    if (distance === 0 || distance > to) reader.fail('Snappy copy', from, 'reaches before the beginning');
    if (to + length > output.length) reader.fail('Snappy copy', from, 'unpacks to more than the page holds');
    for (const end = to + length; to < end; to++) output[to] = output[to - distance]!;
    from += 1 + width;
  }
  if (to !== output.length) reader.fail('Snappy data', from, `ends after ${to} of ${output.length} bytes`);
}

function readNumber(reader: ByteReader, offset: number, width: number): number {
  let value = 0;
  for (let index = 0; index < width; index++) value += reader.u8(offset + index, 'Snappy tag') * 256 ** index;
  return value;
}

function readVarint(reader: ByteReader): { value: number; end: number } {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = reader.u8(index, 'Snappy length');
    value += (byte & 0x7f) * 128 ** index;
    if (byte < 0x80) return { value, end: index + 1 };
  }
  return reader.fail('Snappy length', 0, 'does not end');
}
