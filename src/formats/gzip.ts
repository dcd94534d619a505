/**
 * gzip: members of deflate data between a header and a CRC-32. RFC 1952. node:zlib inflates; the members are
 * walked here, because node:zlib does not say where one ends.
 *
 *     0  2  1f 8b          4  4  MTIME
 *     2  1  method, 8      8  1  XFL
 *     3  1  FLG            9  1  OS
 * @module
 */
import { crc32, inflateRawSync } from 'node:zlib';
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import { type Decoded, type DecodeRequest, failLimit, inOneChunk, OutputBuffer } from './decoder.ts';

const HEADER_SIZE = 10;
const DEFLATE = 8;
const FLAG_HEADER_CRC = 0x02;
const FLAG_EXTRA = 0x04;
const FLAG_NAME = 0x08;
const FLAG_COMMENT = 0x10;
const FLAG_RESERVED = 0xe0;
/** Of an initramfs: modules that are compressed already are among it. */
const USUAL_RATIO = 6;
const SMALLEST_EXPECTED = 64 * 1024;

/** The second magic is the one of gzip 0.5, which the kernel takes as well. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && (bytes[1] === 0x8b || bytes[1] === 0x9e);
}

/** With `all`, zeros may follow the last member, as gzip(1) allows. @throws E_FORMAT, E_UNSUPPORTED */
export function decodeGzip(request: DecodeRequest): Decoded {
  const reader = new ByteReader(request.bytes, `${request.name}: gzip`);
  const first = decodeMember(reader, 0, request, request.maxOutputBytes);
  if (request.extent === 'first') return { bytes: first.bytes, consumed: first.end };
  const output = new OutputBuffer(request, 0);
  let at = skipZeros(request.bytes, first.end);
  if (at === request.bytes.length) return { bytes: first.bytes, consumed: at };
  output.append(first.bytes);
  while (at < request.bytes.length) {
    const member = decodeMember(reader, at, request, request.maxOutputBytes - output.length);
    output.append(member.bytes);
    at = skipZeros(request.bytes, member.end);
  }
  return { bytes: output.take(), consumed: at };
}

function decodeMember(
  reader: ByteReader,
  start: number,
  request: DecodeRequest,
  limit: number,
): { bytes: Uint8Array; end: number } {
  const dataOffset = skipHeader(reader, start);
  const { buffer, engine } = inflate(request, reader, dataOffset, limit);
  const trailer = dataOffset + engine.bytesWritten;
  if (reader.u32(trailer, 'CRC32') !== crc32(buffer)) reader.fail('CRC32', trailer, 'does not match');
  if (reader.u32(trailer + 4, 'ISIZE') !== buffer.length % 2 ** 32)
    reader.fail('ISIZE', trailer + 4, 'is not the unpacked size');
  return { bytes: buffer, end: trailer + 8 };
}

/** RFC 1952 2.3. @returns where the deflate data begins */
function skipHeader(reader: ByteReader, start: number): number {
  if (!isGzip(reader.slice(start, HEADER_SIZE, 'member header'))) reader.fail('ID1', start, 'is not 1f 8b');
  if (reader.u8(start + 2, 'CM') !== DEFLATE) reader.fail('CM', start + 2, 'is not deflate');
  const flags = reader.u8(start + 3, 'FLG');
  if (flags & FLAG_RESERVED) reader.fail('FLG', start + 3, 'uses reserved bits');
  let at = start + HEADER_SIZE;
  if (flags & FLAG_EXTRA) at += 2 + reader.u16(at, 'XLEN');
  for (const [flag, field] of [[FLAG_NAME, 'file name'] as const, [FLAG_COMMENT, 'comment'] as const])
    if (flags & flag) {
      const end = reader.bytes.indexOf(0, at);
      if (end < 0) reader.fail(field, at, 'does not end');
      at = end + 1;
    }
  if (flags & FLAG_HEADER_CRC) {
    const crc = crc32(reader.slice(start, at - start, 'member header')) & 0xffff;
    if (reader.u16(at, 'CRC16') !== crc) reader.fail('CRC16', at, 'does not match');
    at += 2;
  }
  return at;
}

/** What node:zlib gives with `info`; its type declarations leave it out. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function inflate(request: DecodeRequest, reader: ByteReader, offset: number, limit: number): Inflated {
  const input = request.bytes.subarray(offset);
  const options = { info: true, maxOutputLength: Math.max(limit, 1) };
  const expected = Math.min(Math.max(input.length * USUAL_RATIO, SMALLEST_EXPECTED), limit + 1);
  try {
    const inflated = inOneChunk(expected, (chunkSize) => {
      return inflateRawSync(input, { ...options, chunkSize }) as unknown as Inflated;
    });
    if (inflated.buffer.length > limit) failLimit(request.name, request.maxOutputBytes);
    return inflated;
  } catch (error) {
    if (error instanceof KhopError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      failLimit(request.name, request.maxOutputBytes);
    return reader.fail('deflate data', offset, (error as Error).message);
  }
}

function skipZeros(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}
