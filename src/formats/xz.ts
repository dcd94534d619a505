/**
 * The .xz container. "The .xz File Format", version 1.2.1, sections 2 to 4; section numbers below are its.
 *
 *     stream  = header | block... | index | footer        sizes are multiples of 4
 *     block   = header | compressed data | zeros to 4 | check
 *
 * Every block is measured before anything is decoded (LZMA2 says the size of each chunk), so the output is
 * allocated once, at its exact size, after the index and the footer have been found to agree.
 * @module
 */
import { crc32 } from 'node:zlib';
import { ByteReader } from './byte-reader.ts';
import { allocateOutput, type Decoded, type DecodeRequest, type ExpectedSize, failLimit } from './decoder.ts';
import { decodeLzma2, measureLzma2 } from './lzma2.ts';
import { parseXzBlockHeader, undoXzFilters, type XzBlockHeader } from './xz-block.ts';
import { parseXzCheck, verifyXzCheck, type XzCheck } from './xz-check.ts';
import { readVli } from './xz-vli.ts';

const HEADER_SIZE = 12;
const FOOTER_SIZE = 12;
const INDEX_INDICATOR = 0x00;

/** 2.1.1.1: FD '7zXZ' 00. */
export function isXz(bytes: Uint8Array): boolean {
  return [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00].every((byte, index) => bytes[index] === byte);
}

/** A block that is measured, not yet decoded. */
interface Block {
  readonly header: XzBlockHeader;
  readonly dataOffset: number;
  readonly checkOffset: number;
  readonly size: number;
  /** 4.3: header, compressed data and check, without padding. */
  readonly unpaddedSize: number;
}

interface Stream {
  readonly check: XzCheck;
  readonly blocks: readonly Block[];
  readonly end: number;
}

/** @throws E_FORMAT, E_UNSUPPORTED for a filter or check that is not handled or more output than allowed */
export function decodeXz(request: DecodeRequest): Decoded {
  const reader = new ByteReader(request.bytes, `${request.name}: xz`);
  const streams: Stream[] = [];
  let at = 0;
  do {
    const stream = measureStream(reader, at, request.name);
    streams.push(stream);
    at = request.extent === 'all' ? skipStreamPadding(reader, stream.end) : stream.end;
  } while (request.extent === 'all' && at < reader.length);
  const size = streams.flatMap(({ blocks }) => blocks).reduce((sum, block) => sum + block.size, 0);
  if (size > request.maxOutputBytes) failLimit(request.name, request.maxOutputBytes);
  const output = allocateOutput(size, request.name);
  let position = 0;
  for (const { blocks, check } of streams)
    for (const block of blocks) {
      decodeBlock(reader, block, check, output.subarray(position, position + block.size));
      position += block.size;
    }
  return { bytes: output, consumed: at };
}

/** The first stream. @throws E_FORMAT, E_UNSUPPORTED for a filter or check that is not handled */
export function measureXz(bytes: Uint8Array): ExpectedSize {
  const { blocks, end } = measureStream(new ByteReader(bytes, 'xz'), 0, 'xz');
  return { size: blocks.reduce((sum, { size }) => sum + size, 0), end };
}

/** 2.: header, blocks, index and footer of the stream at `start`. */
function measureStream(reader: ByteReader, start: number, name: string): Stream {
  if (!isXz(reader.slice(start, 6, 'stream header magic')))
    reader.fail('stream header magic', start, 'is wrong');
  const flags = reader.u16be(start + 6, 'stream flags');
  if (reader.u32(start + 8, 'stream header CRC32') !== crc32(reader.slice(start + 6, 2, 'stream flags')))
    reader.fail('stream header CRC32', start + 8, 'does not match');
  const check = parseXzCheck(flags, reader, start + 6, name);
  const blocks: Block[] = [];
  let at = start + HEADER_SIZE;
  while (reader.u8(at, 'block header size') !== INDEX_INDICATOR) {
    const block = measureBlock(reader, at, check, name);
    blocks.push(block);
    at = block.checkOffset + check.size;
  }
  const indexEnd = checkIndex(reader, at, blocks);
  checkFooter(reader, indexEnd, flags, indexEnd - at);
  return { check, blocks, end: indexEnd + FOOTER_SIZE };
}

/** 3.: where the parts of the block at `start` lie. */
function measureBlock(reader: ByteReader, start: number, check: XzCheck, name: string): Block {
  const header = parseXzBlockHeader(reader, start, name);
  const dataOffset = start + header.headerSize;
  const { compressedSize, size } = measureLzma2(reader, dataOffset);
  if (header.compressedSize !== undefined && header.compressedSize !== compressedSize)
    reader.fail(
      'compressed size',
      start,
      `says ${header.compressedSize}, the data has ${compressedSize} bytes`,
    );
  if (header.uncompressedSize !== undefined && header.uncompressedSize !== size)
    reader.fail(
      'uncompressed size',
      start,
      `says ${header.uncompressedSize}, the data unpacks to ${size} bytes`,
    );
  const unpadded = header.headerSize + compressedSize;
  const padding = -unpadded & 3;
  requireZeros(reader, start + unpadded, padding, 'block padding');
  const checkOffset = start + unpadded + padding;
  reader.slice(checkOffset, check.size, 'block check');
  return { header, dataOffset, checkOffset, size, unpaddedSize: unpadded + check.size };
}

function decodeBlock(reader: ByteReader, block: Block, check: XzCheck, output: Uint8Array): void {
  decodeLzma2(reader, block.dataOffset, block.header.dictionarySize, output);
  undoXzFilters(block.header, output);
  verifyXzCheck(reader, block.checkOffset, check, output);
}

/** 4.: the index has to list exactly the blocks that were met. @returns where it ends */
function checkIndex(reader: ByteReader, start: number, blocks: readonly Block[]): number {
  const count = readVli(reader, start + 1, 'number of records');
  if (count.value !== blocks.length)
    reader.fail('number of records', start + 1, `says ${count.value} blocks, there are ${blocks.length}`);
  let at = count.end;
  for (const block of blocks) {
    const unpadded = readVli(reader, at, 'unpadded size');
    const uncompressed = readVli(reader, unpadded.end, 'uncompressed size');
    if (unpadded.value !== block.unpaddedSize || uncompressed.value !== block.size)
      reader.fail('index record', at, 'does not match its block');
    at = uncompressed.end;
  }
  const padding = -(at - start) & 3;
  requireZeros(reader, at, padding, 'index padding');
  at += padding;
  if (reader.u32(at, 'index CRC32') !== crc32(reader.slice(start, at - start, 'index')))
    reader.fail('index CRC32', at, 'does not match');
  return at + 4;
}

/** 2.1.2. */
function checkFooter(reader: ByteReader, start: number, flags: number, indexSize: number): void {
  const crc = reader.u32(start, 'stream footer CRC32');
  if (crc !== crc32(reader.slice(start + 4, 6, 'stream footer')))
    reader.fail('stream footer CRC32', start, 'does not match');
  const backwardSize = (reader.u32(start + 4, 'backward size') + 1) * 4;
  if (backwardSize !== indexSize) reader.fail('backward size', start + 4, 'is not the size of the index');
  if (reader.u16be(start + 8, 'stream flags') !== flags)
    reader.fail('stream flags', start + 8, 'differ from those in the header');
  if (reader.u16be(start + 10, 'footer magic') !== 0x595a)
    reader.fail('footer magic', start + 10, 'is not "YZ"');
}

/** 2.2.: zeros, a multiple of four of them. @returns where they end */
function skipStreamPadding(reader: ByteReader, start: number): number {
  let at = start;
  while (at < reader.length && reader.bytes[at] === 0) at++;
  if ((at - start) % 4 !== 0) reader.fail('stream padding', start, 'is not a multiple of 4 bytes');
  return at;
}

function requireZeros(reader: ByteReader, offset: number, count: number, field: string): void {
  if (reader.slice(offset, count, field).some((byte) => byte !== 0))
    reader.fail(field, offset, 'is not zero');
}
