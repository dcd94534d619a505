/**
 * Zstandard frames. RFC 8878 section 3.1. node:zlib decodes; the frames are walked here, because node:zlib
 * does not say where one ends and takes any window size.
 * @module
 */
import { constants, zstdDecompressSync } from 'node:zlib';
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import {
  type Decoded,
  type DecodeRequest,
  type ExpectedSize,
  failLimit,
  inOneChunk,
  OutputBuffer,
} from './decoder.ts';

const MAGIC = 0xfd2fb528;
/** 3.1.2: 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** What `zstd --ultra -22` uses; the kernel's own decoder takes no more for an initramfs. */
const MAX_WINDOW = 128 * 1024 * 1024;
/** 3.1.1.2.4: no block has more than this of output. */
const MAX_BLOCK = 128 * 1024;
/** Hostile files claim what they like. */
const HIGHEST_RATIO = 64;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/** 3.1.1.1. */
export function isZstd(bytes: Uint8Array): boolean {
  return [0x28, 0xb5, 0x2f, 0xfd].every((byte, index) => bytes[index] === byte);
}

/** @throws E_FORMAT, E_UNSUPPORTED for a window or output above the limits, or a dictionary */
export function decodeZstd(request: DecodeRequest): Decoded {
  const reader = new ByteReader(request.bytes, `${request.name}: zstd`);
  const first = measureFrame(reader, 0, request);
  if (request.extent === 'first' || first.end === reader.length)
    return { bytes: decodeFrame(request, reader, 0, first, request.maxOutputBytes), consumed: first.end };
  const output = new OutputBuffer(request, 0);
  for (let at = 0; at < reader.length; ) {
    const frame = isSkippable(reader, at) ? skipFrame(reader, at) : measureFrame(reader, at, request);
    if (!isSkippable(reader, at))
      output.append(decodeFrame(request, reader, at, frame, request.maxOutputBytes - output.length));
    at = frame.end;
  }
  return { bytes: output.take(), consumed: reader.length };
}

/** The first frame. @throws E_FORMAT, E_UNSUPPORTED for a window above the limit */
export function measureZstd(bytes: Uint8Array): ExpectedSize {
  return measureFrame(new ByteReader(bytes, 'zstd'), 0, { name: 'zstd', maxOutputBytes: Infinity });
}

function isSkippable(reader: ByteReader, offset: number): boolean {
  return (reader.u32(offset, 'Magic_Number') & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC;
}

/** 3.1.2. */
function skipFrame(reader: ByteReader, offset: number): ExpectedSize {
  const size = reader.u32(offset + 4, 'Frame_Size');
  reader.slice(offset + 8, size, 'skippable frame');
  return { size: 0, end: offset + 8 + size };
}

/** 3.1.1: header, blocks up to the last, checksum. */
function measureFrame(
  reader: ByteReader,
  start: number,
  request: Pick<DecodeRequest, 'name' | 'maxOutputBytes'>,
): ExpectedSize {
  if (reader.u32(start, 'Magic_Number') !== MAGIC) reader.fail('Magic_Number', start, 'is wrong');
  const descriptor = reader.u8(start + 4, 'Frame_Header_Descriptor');
  if (descriptor & 0x08) reader.fail('Frame_Header_Descriptor', start + 4, 'uses the reserved bit');
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const windowOffset = start + 5;
  const dictionaryOffset = windowOffset + (isSingleSegment ? 0 : 1);
  const sizeOffset = dictionaryOffset + [0, 1, 2, 4][descriptor & 3]!;
  const sizeWidth = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const contentSize = readContentSize(reader, sizeOffset, sizeWidth);
  if (contentSize !== undefined && contentSize > request.maxOutputBytes)
    failLimit(request.name, request.maxOutputBytes);
  if (!isSingleSegment) checkWindow(reader.u8(windowOffset, 'Window_Descriptor'), request.name);
  const blocks = measureBlocks(reader, sizeOffset + sizeWidth);
  const end = blocks.end + (descriptor & 0x04 ? 4 : 0);
  reader.slice(blocks.end, end - blocks.end, 'Content_Checksum');
  return { size: contentSize ?? blocks.count * MAX_BLOCK, end };
}

/** 3.1.1.1.4: the 16-bit form counts from 256. */
function readContentSize(reader: ByteReader, offset: number, width: number): number | undefined {
  const field = 'Frame_Content_Size';
  if (width === 0) return undefined;
  if (width === 1) return reader.u8(offset, field);
  if (width === 2) return reader.u16(offset, field) + 256;
  return width === 4 ? reader.u32(offset, field) : reader.size64(offset, field);
}

/** 3.1.1.1.2. */
function checkWindow(descriptor: number, name: string): void {
  const base = 2 ** (10 + (descriptor >> 3));
  const window = base + (base / 8) * (descriptor & 7);
  if (window <= MAX_WINDOW) return;
  throw new KhopError('E_UNSUPPORTED', `${name}: its zstd window of ${window} bytes is above ${MAX_WINDOW}`, {
    hint: 'Pack the file again without --long above 27: the kernel does not unpack it either.',
  });
}

/** 3.1.1.2. @returns how many there are, and where the last ends */
function measureBlocks(reader: ByteReader, start: number): { readonly count: number; readonly end: number } {
  for (let at = start, count = 1; ; count++) {
    const header = reader.u16(at, 'Block_Header') | (reader.u8(at + 2, 'Block_Header') << 16);
    const type = (header >> 1) & 3;
    if (type === BLOCK_RESERVED) reader.fail('Block_Header', at, 'is of the reserved type');
    const size = type === BLOCK_RLE ? 1 : header >> 3;
    reader.slice(at + 3, size, 'block');
    at += 3 + size;
    if (header & 1) return { count, end: at };
  }
}

function decodeFrame(
  request: DecodeRequest,
  reader: ByteReader,
  start: number,
  frame: ExpectedSize,
  limit: number,
): Uint8Array {
  const packed = request.bytes.subarray(start, frame.end);
  const options = {
    maxOutputLength: Math.max(limit, 1),
    params: { [constants.ZSTD_d_windowLogMax]: 31 },
  };
  const expected = Math.min(frame.size, packed.length * HIGHEST_RATIO, limit) + 1;
  try {
    const output = inOneChunk(expected, (chunkSize) => zstdDecompressSync(packed, { ...options, chunkSize }));
    if (output.length <= limit) return output;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE')
      return reader.fail('frame', start, (error as Error).message);
  }
  return failLimit(request.name, request.maxOutputBytes);
}
