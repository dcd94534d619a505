/**
 * bzip2 streams. There is no official specification; the names are those of "BZIP2: Format Specification"
 * (Joe Tsai, 2016), whose sections are cited.
 *
 *     stream = "BZh" level | block... | 0x177245385090 | u32 stream CRC | zero bits to a byte
 *
 * A block is decoded in bzip2-block.ts; here are the stream and the last step, the first run-length coding.
 * @module
 */
import { BitReader } from './bit-reader.ts';
import { ByteReader } from './byte-reader.ts';
import { decodeBzip2Block } from './bzip2-block.ts';
import { type Decoded, type DecodeRequest, OutputBuffer } from './decoder.ts';

const BLOCK_MAGIC_HIGH = 0x314159;
const BLOCK_MAGIC_LOW = 0x265359;
const END_MAGIC_HIGH = 0x177245;
const END_MAGIC_LOW = 0x385090;
const LEVEL_BYTES = 100_000;
const MAX_LEVEL = 9;

/** 2.2.1 and 2.2.2: "BZh1" to "BZh9". */
export function isBzip2(bytes: Uint8Array): boolean {
  return (
    bytes[0] === 0x42 && bytes[1] === 0x5a && bytes[2] === 0x68 && bytes[3]! >= 0x31 && bytes[3]! <= 0x39
  );
}

/** @throws E_FORMAT, E_UNSUPPORTED for randomised blocks or more output than allowed */
export function decodeBzip2(request: DecodeRequest): Decoded {
  const reader = new ByteReader(request.bytes, `${request.name}: bzip2`);
  const output = new OutputBuffer(request, request.bytes.length * 4);
  // One for all blocks: a hostile file has many tiny ones.
  const links = new Int32Array(MAX_LEVEL * LEVEL_BYTES);
  let at = 0;
  do at = decodeStream(reader, at, links, output, request.name);
  while (request.extent === 'all' && at < reader.length);
  return { bytes: output.take(), consumed: at };
}

function decodeStream(
  reader: ByteReader,
  start: number,
  links: Int32Array,
  output: OutputBuffer,
  name: string,
): number {
  if (!isBzip2(reader.slice(start, 4, 'stream header')))
    reader.fail('stream header', start, 'is not "BZh1" to "BZh9"');
  const blockLinks = links.subarray(0, (reader.u8(start + 3, 'level') - 0x30) * LEVEL_BYTES);
  const bits = new BitReader(reader, start + 4);
  let streamCrc = 0;
  for (;;) {
    const at = bits.offset;
    const high = bits.read(24);
    const low = bits.read(24);
    const crc = (bits.read(16) << 16) | bits.read(16);
    bits.requireWithin('block magic');
    if (high === END_MAGIC_HIGH && low === END_MAGIC_LOW) {
      if (crc !== streamCrc) reader.fail('stream CRC', at, 'does not match');
      return bits.align();
    }
    if (high !== BLOCK_MAGIC_HIGH || low !== BLOCK_MAGIC_LOW) reader.fail('block magic', at, 'is wrong');
    const block = decodeBzip2Block(reader, bits, blockLinks, name);
    const outputStart = output.length;
    expandRuns(block, output);
    if (crcOf(output.bytes, outputStart, output.length) !== crc)
      reader.fail('block CRC', at, 'does not match');
    streamCrc = ((streamCrc << 1) | (streamCrc >>> 31)) ^ crc;
  }
}

/** 2.1.1, undone: after four equal bytes comes a count of how many more follow. */
function expandRuns(block: Uint8Array, output: OutputBuffer): void {
  let { bytes, length: to } = output;
  let previous = -1;
  let run = 0;
  for (const byte of block) {
    const isCount = run === 4;
    const count = isCount ? byte : 1;
    if (to + count > bytes.length) {
      output.length = to;
      output.reserve(count);
      bytes = output.bytes;
    }
    if (isCount) {
      bytes.fill(previous, to, to + count);
      run = 0;
      previous = -1;
    } else {
      bytes[to] = byte;
      run = byte === previous ? run + 1 : 1;
      previous = byte;
    }
    to += count;
  }
  output.length = to;
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc;
});

/** 2.2.3, BlockCRC: CRC-32 with the most significant bit first; signed. */
function crcOf(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let at = start; at < end; at++) crc = (crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ bytes[at]!]!;
  return ~crc;
}
