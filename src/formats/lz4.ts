/**
 * LZ4 files: the legacy frame, which `lz4 -l` writes and the kernel reads, and the general frame.
 * "LZ4 Frame Format Description" 1.6.4; the legacy frame is its last chapter.
 * @module
 */
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import { type Decoded, type DecodeRequest, type ExpectedSize, OutputBuffer } from './decoder.ts';
import { decodeLz4Block } from './lz4-block.ts';
import { xxhash32 } from './xxhash32.ts';

const LEGACY_MAGIC = 0x184c2102;
const FRAME_MAGIC = 0x184d2204;
/** 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE_MAGIC = 0x184d2a50;

const LEGACY_BLOCK_SIZE = 8 * 1024 * 1024;
/** LZ4_COMPRESSBOUND of a legacy block: no packed block is larger. */
const LEGACY_PACKED_LIMIT = LEGACY_BLOCK_SIZE + Math.floor(LEGACY_BLOCK_SIZE / 255) + 16;

export function isLz4Legacy(bytes: Uint8Array): boolean {
  return [0x02, 0x21, 0x4c, 0x18].every((byte, index) => bytes[index] === byte);
}

export function isLz4Frame(bytes: Uint8Array): boolean {
  return [0x04, 0x22, 0x4d, 0x18].every((byte, index) => bytes[index] === byte);
}

/** @throws E_FORMAT, E_UNSUPPORTED for a dictionary or more output than allowed */
export function decodeLz4(request: DecodeRequest): Decoded {
  const reader = new ByteReader(request.bytes, `${request.name}: lz4`);
  const output = new OutputBuffer(request, Math.min(request.bytes.length * 4, 256 * 1024 * 1024));
  let at = 0;
  do {
    const magic = reader.u32(at, 'magic number');
    if (magic === LEGACY_MAGIC) at = decodeLegacy(reader, at + 4, request.extent, output);
    else if (magic === FRAME_MAGIC) at = decodeFrame(reader, at + 4, output, request.name);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) at = skipFrame(reader, at + 4);
    else reader.fail('magic number', at, 'is not that of an LZ4 frame');
  } while (request.extent === 'all' && at < reader.length);
  return { bytes: output.take(), consumed: at };
}

function skipFrame(reader: ByteReader, at: number): number {
  const size = reader.u32(at, 'size of skippable frame');
  reader.slice(at + 4, size, 'skippable frame');
  return at + 4 + size;
}

/**
 * "Legacy frame": blocks of at most 8 MiB up to the end of the file, or the next frame's magic.
 *
 * When the first stream alone is wanted, as from a kernel's initrd or payload, what follows has to be told
 * from a block's size: zeros (padding), fewer than four bytes, a size that no block has, or the word that
 * kernel builds append, which is the size of the output.
 */
function decodeLegacy(
  reader: ByteReader,
  start: number,
  extent: DecodeRequest['extent'],
  output: OutputBuffer,
): number {
  let at = start;
  while (at < reader.length) {
    if (extent === 'first' && isLegacyEnd(reader, at, output.length)) break;
    const size = reader.u32(at, 'block size');
    if (size === LEGACY_MAGIC && extent === 'first') {
      // lib/decompress_unlz4.c passes over a repeated magic.
      at += 4;
      continue;
    }
    if (size > LEGACY_PACKED_LIMIT) break;
    reader.slice(at + 4, size, 'block');
    decodeBlock(
      reader,
      { start: at + 4, size, maxSize: LEGACY_BLOCK_SIZE, historyStart: output.length },
      output,
    );
    at += 4 + size;
  }
  return at;
}

/** The legacy frame at the start, by its blocks: each but the last unpacks to all that a block has. @throws E_FORMAT */
export function measureLz4Legacy(bytes: Uint8Array): ExpectedSize {
  const reader = new ByteReader(bytes, 'lz4');
  let blocks = 0;
  let at = 4;
  while (at < reader.length && !isLegacyEnd(reader, at, blocks * LEGACY_BLOCK_SIZE)) {
    const size = reader.u32(at, 'block size');
    if (size !== LEGACY_MAGIC && size > LEGACY_PACKED_LIMIT) break;
    if (size !== LEGACY_MAGIC) blocks++;
    at += size === LEGACY_MAGIC ? 4 : 4 + size;
  }
  return { size: blocks * LEGACY_BLOCK_SIZE, end: Math.min(at, reader.length) };
}

function isLegacyEnd(reader: ByteReader, at: number, outputLength: number): boolean {
  const left = reader.length - at;
  if (left < 4) return true;
  const word = reader.u32(at, 'block size');
  return word === 0 || (left === 4 && word === outputLength);
}

/** "Frame descriptor": FLG bits and block maximum size. */
interface Descriptor {
  readonly isIndependent: boolean;
  readonly hasBlockChecksum: boolean;
  readonly contentSize: number | undefined;
  readonly hasContentChecksum: boolean;
  readonly maxBlockSize: number;
  readonly end: number;
}

function parseDescriptor(reader: ByteReader, start: number, name: string): Descriptor {
  const flags = reader.u8(start, 'FLG');
  if (flags >> 6 !== 1) reader.fail('FLG', start, `version ${flags >> 6} is not known`);
  if (flags & 0x02) reader.fail('FLG', start, 'uses the reserved bit');
  const blockDescriptor = reader.u8(start + 1, 'BD');
  const sizeCode = (blockDescriptor >> 4) & 7;
  if (blockDescriptor & 0x8f || sizeCode < 4) reader.fail('BD', start + 1, 'is out of range');
  const hasSize = (flags & 0x08) !== 0;
  const contentSize = hasSize ? reader.size64(start + 2, 'content size') : undefined;
  const checksumOffset = start + 2 + (hasSize ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  const descriptor = reader.slice(start, checksumOffset - start, 'frame descriptor');
  if (reader.u8(checksumOffset, 'HC') !== ((xxhash32(descriptor) >>> 8) & 0xff))
    reader.fail('HC', checksumOffset, 'does not match');
  if (flags & 0x01)
    throw new KhopError('E_UNSUPPORTED', `${name}: its lz4 frame needs a dictionary`, {
      hint: 'Pack the file again without -D.',
    });
  return {
    isIndependent: (flags & 0x20) !== 0,
    hasBlockChecksum: (flags & 0x10) !== 0,
    contentSize,
    hasContentChecksum: (flags & 0x04) !== 0,
    maxBlockSize: 2 ** (8 + 2 * sizeCode),
    end: checksumOffset + 1,
  };
}

/** "General structure of LZ4 frame format": descriptor, blocks, end mark, checksum. @returns where it ends */
function decodeFrame(reader: ByteReader, start: number, output: OutputBuffer, name: string): number {
  const descriptor = parseDescriptor(reader, start, name);
  const frameStart = output.length;
  let at = descriptor.end;
  for (;;) {
    const word = reader.u32(at, 'block size');
    at += 4;
    if (word === 0) break;
    const size = word & 0x7fffffff;
    if (size > descriptor.maxBlockSize)
      reader.fail('block size', at - 4, 'is above the maximum of the frame');
    const data = reader.slice(at, size, 'block');
    if (word >>> 31) output.append(data);
    else {
      const historyStart = descriptor.isIndependent ? output.length : frameStart;
      decodeBlock(reader, { start: at, size, maxSize: descriptor.maxBlockSize, historyStart }, output);
    }
    at += size;
    if (!descriptor.hasBlockChecksum) continue;
    if (reader.u32(at, 'block checksum') !== xxhash32(data))
      reader.fail('block checksum', at, 'does not match');
    at += 4;
  }
  const content = output.bytes.subarray(frameStart, output.length);
  if (descriptor.contentSize !== undefined && descriptor.contentSize !== content.length)
    reader.fail(
      'content size',
      start + 2,
      `says ${descriptor.contentSize}, there are ${content.length} bytes`,
    );
  if (!descriptor.hasContentChecksum) return at;
  if (reader.u32(at, 'content checksum') !== xxhash32(content))
    reader.fail('content checksum', at, 'does not match');
  return at + 4;
}

function decodeBlock(
  reader: ByteReader,
  block: { start: number; size: number; maxSize: number; historyStart: number },
  output: OutputBuffer,
): void {
  const room = Math.min(block.maxSize, output.limit - output.length);
  output.reserve(room);
  const end = decodeLz4Block(reader, {
    start: block.start,
    end: block.start + block.size,
    output: output.bytes,
    outputStart: output.length,
    outputLimit: output.length + room,
    historyStart: block.historyStart,
  });
  if (end !== undefined) output.length = end;
  else if (room < block.maxSize) output.failLimit();
  else reader.fail('LZ4 block', block.start, `unpacks to more than ${block.maxSize} bytes`);
}
