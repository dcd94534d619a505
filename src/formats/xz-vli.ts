/**
 * "The .xz File Format" 1.2., variable-length integers: seven bits a byte, the least significant first, the
 * top bit set on all but the last byte.
 * @module
 */
import type { ByteReader } from './byte-reader.ts';

const MAX_BYTES = 9;

/** Sizes above 2^53 exist in the format, but in no file: they are refused. @throws E_FORMAT */
export function readVli(reader: ByteReader, offset: number, field: string): { value: number; end: number } {
  let value = 0;
  for (let index = 0; index < MAX_BYTES; index++) {
    const byte = reader.u8(offset + index, field);
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte & 0x80) continue;
    if (byte === 0 && index > 0) reader.fail(field, offset, 'is not in its shortest form');
    if (!Number.isSafeInteger(value)) reader.fail(field, offset, 'is absurd');
    return { value, end: offset + index + 1 };
  }
  return reader.fail(field, offset, 'is longer than nine bytes');
}
