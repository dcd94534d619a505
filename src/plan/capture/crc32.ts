/**
 * CRC-32 in the capture program, as zlib has it (RFC 1952, section 8).
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { giveBack, loopWhile, set } from '../../formats/static-program/statements.ts';
import { bytesAt, load } from '../../formats/static-program/terms.ts';

const POLYNOMIAL = 0xedb8_8320;
const ALL_ONES = 0xffff_ffff;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
  return value >>> 0;
});

/** The CRC of what `crc` is of, 0 at first, and of `size` bytes behind it. */
export const addToCrc32 = fn('addToCrc32', ['crc', 'bytes', 'size'], ['end'], ({ crc, bytes, size, end }) => [
  set(crc, [crc, '^', ALL_ONES]),
  set(end, [bytes, '+', size]),
  loopWhile(
    [bytes, '<u', end],
    [
      set(crc, [
        load.u32([
          bytesAt(new Uint8Array(TABLE.buffer)),
          '+',
          [[[crc, '^', load.u8(bytes)], '&', 0xff], '<<', 2],
        ]),
        '^',
        [crc, '>>', 8],
      ]),
      set(bytes, [bytes, '+', 1]),
    ],
  ),
  giveBack([crc, '^', ALL_ONES]),
]);
