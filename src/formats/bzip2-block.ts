/**
 * One bzip2 block: prefix codes, move-to-front with run lengths, Burrows-Wheeler transform. "BZIP2: Format
 * Specification" (Joe Tsai, 2016), sections cited.
 * @module
 */
import { KhopError } from '../error.ts';
import type { BitReader } from './bit-reader.ts';
import type { ByteReader } from './byte-reader.ts';

const GROUP_SIZE = 50;
const MAX_CODE_LENGTH = 20;
const RUN_A = 0;
const RUN_B = 1;

/**
 * @param links working space: as many elements as a block may have bytes
 * @returns the block before the first run-length coding is undone
 * @throws E_FORMAT
 */
export function decodeBzip2Block(
  reader: ByteReader,
  bits: BitReader,
  links: Int32Array,
  name: string,
): Uint8Array {
  if (bits.read(1) === 1)
    throw new KhopError('E_UNSUPPORTED', `${name}: its bzip2 blocks are randomised`, {
      hint: 'No bzip2 since 0.9.5 (1999) writes this; unpack and pack the file again.',
    });
  const origin = bits.read(24);
  const symbols = readSymbolMap(bits);
  if (symbols.length === 0) reader.fail('symbol map', bits.offset, 'is empty');
  const codeCount = bits.read(3);
  if (codeCount < 2 || codeCount > 6)
    reader.fail('number of trees', bits.offset, `${codeCount} is out of range`);
  const selectors = readSelectors(reader, bits, codeCount);
  const codes = Array.from({ length: codeCount }, () => readCode(reader, bits, symbols.length + 2));
  bits.requireWithin('block header');
  const length = readSymbols(reader, bits, { symbols, selectors, codes, links });
  if (origin >= length) reader.fail('OrigPtr', bits.offset, 'is beyond the block');
  return undoTransform(links, length, origin);
}

/** 2.2.4, SymMap: a bit for each sixteen byte values, then a bit for each value. */
function readSymbolMap(bits: BitReader): Uint8Array {
  const groups = bits.read(16);
  const used: number[] = [];
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const values = bits.read(16);
    for (let index = 0; index < 16; index++) if (values & (0x8000 >> index)) used.push(group * 16 + index);
  }
  return Uint8Array.from(used);
}

/** 2.2.5, Selectors: which code each group of 50 symbols uses; move-to-front, in unary. */
function readSelectors(reader: ByteReader, bits: BitReader, codeCount: number): Uint8Array {
  const count = bits.read(15);
  if (count === 0) reader.fail('number of selectors', bits.offset, 'is zero');
  const order = [0, 1, 2, 3, 4, 5];
  const selectors = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    let rank = 0;
    while (bits.read(1) === 1)
      if (++rank >= codeCount) reader.fail('selector', bits.offset, 'is out of range');
    const [code] = order.splice(rank, 1);
    order.unshift(code!);
    selectors[index] = code!;
  }
  return selectors;
}

/** A canonical prefix code, as the limit of each length says it. */
interface Code {
  readonly minLength: number;
  /** limits[n]: one above the largest code of n bits, in the top of 20 bits. */
  readonly limits: Int32Array;
  /** Subtracted from a code of n bits to give its index in `order`. */
  readonly offsets: Int32Array;
  readonly order: Uint16Array;
}

/** 2.2.6, Trees: lengths as differences. */
function readCode(reader: ByteReader, bits: BitReader, count: number): Code {
  const lengths = new Uint8Array(count);
  let length = bits.read(5);
  for (let symbol = 0; symbol < count; symbol++) {
    while (bits.read(1) === 1) {
      length += bits.read(1) === 0 ? 1 : -1;
      if (length < 1 || length > MAX_CODE_LENGTH) break;
    }
    if (length < 1 || length > MAX_CODE_LENGTH)
      reader.fail('code length', bits.offset, `${length} is out of range`);
    lengths[symbol] = length;
  }
  return makeCode(lengths);
}

function makeCode(lengths: Uint8Array): Code {
  const limits = new Int32Array(MAX_CODE_LENGTH + 1);
  const offsets = new Int32Array(MAX_CODE_LENGTH + 1);
  const order = Uint16Array.from(lengths.keys()).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
    offsets[length] = code - index;
    const count = lengths.reduce((sum, value) => sum + (value === length ? 1 : 0), 0);
    code += count;
    index += count;
    limits[length] = code << (MAX_CODE_LENGTH - length);
    code <<= 1;
  }
  return { minLength: Math.min(...lengths), limits, offsets, order };
}

/** Undefined: no code begins with these bits. */
function readSymbol(bits: BitReader, code: Code): number | undefined {
  const peeked = bits.peek(MAX_CODE_LENGTH);
  let length = code.minLength;
  while (length <= MAX_CODE_LENGTH && peeked >= code.limits[length]!) length++;
  if (length > MAX_CODE_LENGTH) return undefined;
  bits.skip(length);
  return code.order[(peeked >> (MAX_CODE_LENGTH - length)) - code.offsets[length]!];
}

interface BlockTables {
  readonly symbols: Uint8Array;
  readonly selectors: Uint8Array;
  readonly codes: readonly Code[];
  /** Gets the bytes of the transformed block, one in the low 8 bits of each element. */
  readonly links: Int32Array;
}

/** 2.2.7, BlockData. @returns how many bytes */
function readSymbols(reader: ByteReader, bits: BitReader, tables: BlockTables): number {
  const { selectors, codes, links } = tables;
  const front = tables.symbols.slice();
  const endOfBlock = front.length + 1;
  let length = 0;
  let runUnit = 1;
  let run = 0;
  for (const selector of selectors) {
    bits.requireWithin('block data');
    const code = codes[selector]!;
    for (let index = 0; index < GROUP_SIZE; index++) {
      const symbol = readSymbol(bits, code);
      if (symbol === RUN_A || symbol === RUN_B) {
        run += runUnit << symbol;
        runUnit <<= 1;
        if (run > links.length) reader.fail('run', bits.offset, 'is longer than a block');
        continue;
      }
      if (length + run + 1 > links.length + (symbol === endOfBlock ? 1 : 0))
        reader.fail('block data', bits.offset, 'is longer than a block');
      if (run > 0) {
        links.fill(front[0]!, length, length + run);
        length += run;
        run = 0;
        runUnit = 1;
      }
      if (symbol === endOfBlock) return length;
      if (symbol === undefined) reader.fail('symbol', bits.offset, 'has no code');
      const byte = front[symbol - 1]!;
      front.copyWithin(1, 0, symbol - 1);
      front[0] = byte;
      links[length++] = byte;
    }
  }
  return reader.fail('block data', bits.offset, 'has no end');
}

/** 2.1.2, inverse: links[n] gets, above the byte, the position of the byte that follows it. */
function undoTransform(links: Int32Array, length: number, origin: number): Uint8Array {
  const starts = new Int32Array(257);
  for (let at = 0; at < length; at++) starts[links[at]! + 1]!++;
  for (let byte = 1; byte < 257; byte++) starts[byte]! += starts[byte - 1]!;
  for (let at = 0; at < length; at++) {
    const byte = links[at]! & 0xff;
    const rank = starts[byte]!++;
    links[rank] = links[rank]! | (at << 8);
  }
  const output = new Uint8Array(length);
  let link = links[origin]! >>> 8;
  for (let at = 0; at < length; at++) {
    const entry = links[link]!;
    output[at] = entry;
    link = entry >>> 8;
  }
  return output;
}
