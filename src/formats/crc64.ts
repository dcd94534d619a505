/**
 * CRC-64 as .xz uses it: ECMA-182 polynomial, bits reflected ("The .xz File Format" 6.).
 * A 64-bit register is kept as two 32-bit halves, because bigint arithmetic is a hundred times slower.
 * @module
 */
const POLYNOMIAL_LOW = 0xd7870f42;
const POLYNOMIAL_HIGH = 0xc96c5795;

/** Tables of a register of which a byte went in 0, 1, 2 or 3 bytes ago; low halves, then high halves. */
const TABLES = makeTables();

function makeTables(): readonly Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const [low0, low1, low2, low3, high0, high1, high2, high3] = tables as TableRow;
  for (let byte = 0; byte < 256; byte++) {
    let low = byte;
    let high = 0;
    for (let bit = 0; bit < 8; bit++) {
      const carry = -(low & 1);
      low = ((low >>> 1) | (high << 31)) ^ (POLYNOMIAL_LOW & carry);
      high = (high >>> 1) ^ (POLYNOMIAL_HIGH & carry);
    }
    low0[byte] = low;
    high0[byte] = high;
  }
  const rows = [
    [low0, high0, low1, high1],
    [low1, high1, low2, high2],
    [low2, high2, low3, high3],
  ] as const;
  for (const [low, high, nextLow, nextHigh] of rows)
    for (let byte = 0; byte < 256; byte++) {
      const index = low[byte]! & 0xff;
      nextLow[byte] = ((low[byte]! >>> 8) | (high[byte]! << 24)) ^ low0[index]!;
      nextHigh[byte] = (high[byte]! >>> 8) ^ high0[index]!;
    }
  return tables;
}

type TableRow = [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** CRC-64 of `bytes`. */
export function crc64(bytes: Uint8Array): bigint {
  const [low0, low1, low2, low3, high0, high1, high2, high3] = TABLES as TableRow;
  let low = -1;
  let high = -1;
  const wholeWords = bytes.length & ~3;
  let at = 0;
  for (; at < wholeWords; at += 4) {
    const word = low ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    const first = word & 0xff;
    const second = (word >>> 8) & 0xff;
    const third = (word >>> 16) & 0xff;
    const fourth = word >>> 24;
    low = high ^ low3[first]! ^ low2[second]! ^ low1[third]! ^ low0[fourth]!;
    high = high3[first]! ^ high2[second]! ^ high1[third]! ^ high0[fourth]!;
  }
  for (; at < bytes.length; at++) {
    const index = (low ^ bytes[at]!) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ low0[index]!;
    high = (high >>> 8) ^ high0[index]!;
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}
