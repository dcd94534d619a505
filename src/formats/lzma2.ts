/**
 * LZMA2: LZMA cut into chunks that say their sizes, so that the whole can be measured before it is decoded.
 * Chunk layout: "The .xz File Format" 5.3.1 names the filter; the control bytes are those of the LZMA SDK's
 * lzma2 description:
 *
 *     0x00         end of the data
 *     0x01         stored bytes, dictionary reset     | u16 size - 1            | bytes
 *     0x02         stored bytes                       | u16 size - 1            | bytes
 *     0x80..0xff   LZMA; bits 0-4: size - 1, bits 16-20 | u16 bits 0-15 | u16 compressed size - 1 |
 *                  properties byte when bits 5-6 are 2 or 3 | data
 *                  bits 5-6: 0 nothing is reset, 1 state, 2 state and properties, 3 those and the dictionary
 * @module
 */
import type { ByteReader } from './byte-reader.ts';
import {
  createLzmaDecoder,
  decodeLzma,
  isRangeDecoderFinished,
  type LzmaDecoder,
  parseLzmaProperties,
  resetLzmaState,
  setLzmaProperties,
  startRangeDecoder,
} from './lzma.ts';

const CONTROL_END = 0x00;
const CONTROL_STORED_RESET = 0x01;
const CONTROL_STORED = 0x02;
const CONTROL_LZMA = 0x80;
const RANGE_CODER_BYTES = 5;

interface Chunk {
  readonly control: number;
  readonly offset: number;
  /** Where the stored bytes or the range coder's bytes begin. */
  readonly dataOffset: number;
  readonly size: number;
  /** Bytes of data after the header. */
  readonly dataSize: number;
}

/** The header of the chunk at `offset`; undefined for the end. */
function readChunk(reader: ByteReader, offset: number): Chunk | undefined {
  const control = reader.u8(offset, 'LZMA2 control byte');
  if (control === CONTROL_END) return undefined;
  if (control < CONTROL_LZMA) {
    if (control > CONTROL_STORED)
      reader.fail('LZMA2 control byte', offset, `0x${control.toString(16)} is reserved`);
    const size = reader.u16be(offset + 1, 'LZMA2 chunk size') + 1;
    return { control, offset, dataOffset: offset + 3, size, dataSize: size };
  }
  const size = ((control & 0x1f) << 16) + reader.u16be(offset + 1, 'LZMA2 chunk size') + 1;
  const dataSize = reader.u16be(offset + 3, 'LZMA2 compressed size') + 1;
  const header = control >= 0xc0 ? 6 : 5;
  return { control, offset, dataOffset: offset + header, size, dataSize };
}

/** How long LZMA2 data is, and how long what it unpacks to. */
export interface Lzma2Measure {
  readonly compressedSize: number;
  readonly size: number;
}

/** Walks the chunk headers from `offset` to the end marker, without decoding. @throws E_FORMAT */
export function measureLzma2(reader: ByteReader, offset: number): Lzma2Measure {
  let size = 0;
  let at = offset;
  for (;;) {
    const chunk = readChunk(reader, at);
    if (chunk === undefined) return { compressedSize: at + 1 - offset, size };
    reader.slice(chunk.dataOffset, chunk.dataSize, 'LZMA2 chunk');
    size += chunk.size;
    at = chunk.dataOffset + chunk.dataSize;
  }
}

/**
 * "5.3.1. LZMA2", dictionary size: one byte, 0 to 40. Undefined when out of range.
 * @returns bytes
 */
export function parseLzma2DictionarySize(property: number): number | undefined {
  if (property > 40) return undefined;
  if (property === 40) return 0xffffffff;
  return (2 | (property & 1)) * 2 ** (Math.floor(property / 2) + 11);
}

/** Decodes what `measureLzma2` has measured into all of `output`. @throws E_FORMAT */
export function decodeLzma2(
  reader: ByteReader,
  offset: number,
  dictionarySize: number,
  output: Uint8Array,
): void {
  const decoder = createLzmaDecoder(reader.bytes, dictionarySize);
  decoder.output = output;
  let needs: 'dictionary' | 'properties' | 'nothing' = 'dictionary';
  let at = offset;
  for (;;) {
    const chunk = readChunk(reader, at);
    if (chunk === undefined) return;
    const isStored = chunk.control < CONTROL_LZMA;
    const reset = isStored ? (chunk.control === CONTROL_STORED_RESET ? 3 : 0) : (chunk.control >> 5) & 3;
    if (reset === 3) {
      decoder.output = decoder.output.subarray(decoder.outputPosition);
      decoder.outputPosition = 0;
      needs = 'properties';
    }
    if (needs === 'dictionary')
      reader.fail('LZMA2 chunk', at, 'the first chunk does not reset the dictionary');
    if (isStored) copyStored(decoder, chunk);
    else {
      if (needs === 'properties' && reset < 2) reader.fail('LZMA2 chunk', at, 'properties are missing');
      decodeChunk(reader, decoder, chunk, reset);
      needs = 'nothing';
    }
    at = chunk.dataOffset + chunk.dataSize;
  }
}

function copyStored(decoder: LzmaDecoder, chunk: Chunk): void {
  const stored = decoder.input.subarray(chunk.dataOffset, chunk.dataOffset + chunk.size);
  decoder.output.set(stored, decoder.outputPosition);
  decoder.outputPosition += chunk.size;
}

function decodeChunk(reader: ByteReader, decoder: LzmaDecoder, chunk: Chunk, reset: number): void {
  if (reset >= 2) {
    const properties = parseLzmaProperties(reader.u8(chunk.dataOffset - 1, 'LZMA properties'));
    if (properties === undefined || properties.lc + properties.lp > 4)
      reader.fail('LZMA properties', chunk.dataOffset - 1, 'out of range');
    setLzmaProperties(decoder, properties);
  } else if (reset === 1) resetLzmaState(decoder);
  decoder.inputPosition = chunk.dataOffset;
  decoder.inputEnd = chunk.dataOffset + chunk.dataSize;
  if (chunk.dataSize < RANGE_CODER_BYTES || !startRangeDecoder(decoder))
    reader.fail('LZMA2 chunk', chunk.dataOffset, 'the range coder does not start with a zero byte');
  const end = decoder.outputPosition + chunk.size;
  const outcome = decodeLzma(decoder, end);
  if (outcome !== 'full' || decoder.outputPosition !== end)
    reader.fail('LZMA2 chunk', chunk.offset, `ends badly (${outcome})`);
  if (!isRangeDecoderFinished(decoder) || decoder.inputPosition !== decoder.inputEnd)
    reader.fail('LZMA2 chunk', chunk.offset, 'the range coder does not end where the chunk does');
}
