/**
 * The .lzma container ("LZMA_Alone"): "LZMA specification", "lzma file format".
 *
 *     0   1  properties
 *     1   4  dictionary size
 *     5   8  unpacked size, or all ones when an end marker says where the data ends
 *
 * It has no magic and no checksum: the kernel takes 5d 00 for one. This asks for more of the header.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { type Decoded, type DecodeRequest, failLimit, OutputBuffer } from './decoder.ts';
import {
  createLzmaDecoder,
  decodeLzma,
  isRangeDecoderFinished,
  LZMA_LONGEST_MATCH,
  type LzmaDecoder,
  type LzmaOutcome,
  parseLzmaProperties,
  setLzmaProperties,
  startRangeDecoder,
} from './lzma.ts';

const HEADER_SIZE = 13;
/** The first byte of the range coder is always zero. */
const RANGE_CODER_OFFSET = HEADER_SIZE;
const SIZE_UNKNOWN = 0xffffffffffffffffn;
const MIN_DICTIONARY = 4096;

/** lc=3 lp=0 pb=2 as every encoder's default, a dictionary of 2^n or 2^n + 2^(n-1), and a size below 256 GiB. */
export function isLzmaAlone(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_SIZE + 1 || bytes[0] !== 0x5d || bytes[RANGE_CODER_OFFSET] !== 0) return false;
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, HEADER_SIZE);
  const size = header.readBigUInt64LE(5);
  return isDictionarySize(header.readUInt32LE(1)) && (size === SIZE_UNKNOWN || size < 1n << 38n);
}

function isDictionarySize(size: number): boolean {
  if (size === 0xffffffff) return true;
  const lowest = size & -size;
  return size >= MIN_DICTIONARY && (size === lowest >>> 0 || size === (lowest | (lowest << 1)) >>> 0);
}

/** @throws E_FORMAT, E_UNSUPPORTED for more output than allowed */
export function decodeLzmaAlone(request: DecodeRequest): Decoded {
  const reader = new ByteReader(request.bytes, `${request.name}: lzma`);
  const properties =
    parseLzmaProperties(reader.u8(0, 'properties')) ?? reader.fail('properties', 0, 'are out of range');
  const dictionarySize = Math.max(reader.u32(1, 'dictionary size'), MIN_DICTIONARY);
  const isSizeKnown = reader.u64(5, 'unpacked size') !== SIZE_UNKNOWN;
  const size = isSizeKnown ? reader.size64(5, 'unpacked size') : undefined;
  if (size !== undefined && size > request.maxOutputBytes) failLimit(request.name, request.maxOutputBytes);
  reader.slice(RANGE_CODER_OFFSET, 5, 'range coder');
  const decoder = createLzmaDecoder(request.bytes, dictionarySize);
  setLzmaProperties(decoder, properties);
  decoder.inputPosition = RANGE_CODER_OFFSET;
  if (!startRangeDecoder(decoder)) reader.fail('range coder', RANGE_CODER_OFFSET, 'does not start with zero');
  const bytes = decodeAll(reader, decoder, request, size);
  if (request.extent === 'all' && decoder.inputPosition !== reader.length)
    reader.fail('end of data', decoder.inputPosition, 'bytes follow that are not part of the data');
  return { bytes, consumed: decoder.inputPosition };
}

/** Decodes to the size or the end marker; the buffer grows as the data proves that it is needed. */
function decodeAll(
  reader: ByteReader,
  decoder: LzmaDecoder,
  request: DecodeRequest,
  size: number | undefined,
): Uint8Array {
  const target = size ?? request.maxOutputBytes;
  const buffer = new OutputBuffer(request, Math.min(target, request.bytes.length * 4));
  let outcome: LzmaOutcome = 'full';
  while (outcome === 'full' && buffer.length < target) {
    // The longest match has to fit behind the position at which a run stops.
    buffer.reserve(Math.min(LZMA_LONGEST_MATCH, target - buffer.length));
    decoder.output = buffer.bytes.subarray(0, target);
    const isLastRun = decoder.output.length === target;
    outcome = decodeLzma(decoder, isLastRun ? target : decoder.output.length - LZMA_LONGEST_MATCH + 1);
    buffer.length = decoder.outputPosition;
  }
  // At the size, the end marker may follow; at the limit, nothing else may.
  if (outcome === 'full' && (size === undefined || !isRangeDecoderFinished(decoder)))
    outcome = decodeLzma(decoder, target + 1);
  const isBeyondLimit = size === undefined && buffer.length > target - LZMA_LONGEST_MATCH;
  if (isBeyondLimit && (outcome === 'full' || outcome === 'bad-match')) buffer.failLimit();
  const isWhole = outcome === 'full' || (outcome === 'end-marker' && isRangeDecoderFinished(decoder));
  if (!isWhole || (size !== undefined && buffer.length !== size))
    reader.fail('LZMA data', decoder.inputPosition, `ends badly after ${buffer.length} bytes (${outcome})`);
  return buffer.take();
}
