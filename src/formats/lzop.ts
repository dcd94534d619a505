/**
 * lzop files, big-endian, as lzop 1.04 and the kernel's lib/decompress_unlzo.c read them.
 *
 *     magic 9 | version 2 | library version 2 | version needed 2 | method 1 | level 1 | flags 4
 *     | filter 4, if flagged | mode 4 | mtime 4 + 4 | name length 1, name | header checksum 4
 *     block... = unpacked size 4 | packed size 4 | checksums, as flagged | data        up to an unpacked size of 0
 * @module
 */
import { crc32 } from 'node:zlib';
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import { type Decoded, type DecodeRequest, OutputBuffer } from './decoder.ts';
import { decodeLzo1x } from './lzo.ts';

const MAGIC = [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a];
/** Since this version the header has a version needed, a level and a 64-bit time. */
const VERSION_LEVEL = 0x0940;
/** Methods 1 to 3 are LZO1X-1, LZO1X-1(15) and LZO1X-999: one bitstream. */
const LAST_METHOD = 3;
const FLAG_ADLER32_UNPACKED = 0x0001;
const FLAG_ADLER32_PACKED = 0x0002;
const FLAG_EXTRA_FIELD = 0x0040;
const FLAG_CRC32_UNPACKED = 0x0100;
const FLAG_CRC32_PACKED = 0x0200;
const FLAG_MULTIPART = 0x0400;
const FLAG_FILTER = 0x0800;
const FLAG_HEADER_CRC32 = 0x1000;
/** lzop refuses larger blocks. */
const MAX_BLOCK = 64 * 1024 * 1024;

export function isLzop(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/** @throws E_FORMAT, E_UNSUPPORTED for a filter or more output than allowed */
export function decodeLzop(request: DecodeRequest): Decoded {
  const reader = new ByteReader(request.bytes, `${request.name}: lzop`);
  const output = new OutputBuffer(request, Math.min(request.bytes.length * 3, 256 * 1024 * 1024));
  let at = 0;
  do at = decodeFile(reader, at, output, request.name);
  while (request.extent === 'all' && at < reader.length);
  return { bytes: output.take(), consumed: at };
}

function decodeFile(reader: ByteReader, start: number, output: OutputBuffer, name: string): number {
  const header = parseHeader(reader, start, name);
  let at = header.end;
  for (;;) {
    const size = reader.u32be(at, 'unpacked size');
    at += 4;
    if (size === 0) return at;
    at = decodeBlock(reader, at, size, header.flags, output);
  }
}

function parseHeader(reader: ByteReader, start: number, name: string): { flags: number; end: number } {
  if (!isLzop(reader.slice(start, MAGIC.length, 'magic'))) reader.fail('magic', start, 'is wrong');
  const fields = start + MAGIC.length;
  const hasLevel = reader.u16be(fields, 'version') >= VERSION_LEVEL;
  const methodOffset = fields + (hasLevel ? 6 : 4);
  const method = reader.u8(methodOffset, 'method');
  const flagsOffset = methodOffset + (hasLevel ? 2 : 1);
  const flags = reader.u32be(flagsOffset, 'flags');
  if (method < 1 || method > LAST_METHOD || flags & (FLAG_FILTER | FLAG_MULTIPART))
    throw new KhopError(
      'E_UNSUPPORTED',
      `${name}: lzop method ${method} with flags 0x${flags.toString(16)}`,
      {
        hint: 'Pack the file again without a filter, in one part.',
      },
    );
  const nameOffset = flagsOffset + 4 + (hasLevel ? 12 : 8);
  const checksumOffset = nameOffset + 1 + reader.u8(nameOffset, 'name length');
  const covered = reader.slice(fields, checksumOffset - fields, 'header');
  const expected = flags & FLAG_HEADER_CRC32 ? crc32(covered) : adler32(covered);
  if (reader.u32be(checksumOffset, 'header checksum') !== expected)
    reader.fail('header checksum', checksumOffset, 'does not match');
  const end = checksumOffset + 4;
  return { flags, end: flags & FLAG_EXTRA_FIELD ? end + 8 + reader.u32be(end, 'extra field size') : end };
}

/** The block whose packed size is at `start`. @returns where it ends */
function decodeBlock(
  reader: ByteReader,
  start: number,
  size: number,
  flags: number,
  output: OutputBuffer,
): number {
  const packedSize = reader.u32be(start, 'packed size');
  if (size > MAX_BLOCK || packedSize > size)
    reader.fail('block size', start - 4, `${packedSize} of ${size} bytes`);
  const isStored = packedSize === size;
  let at = start + 4;
  const checksum = (flag: number, compute: (bytes: Uint8Array) => number) => {
    if ((flags & flag) === 0) return undefined;
    const offset = at;
    const expected = reader.u32be(offset, 'block checksum');
    at += 4;
    return (bytes: Uint8Array) => {
      if (compute(bytes) !== expected) reader.fail('block checksum', offset, 'does not match');
    };
  };
  const unpackedChecks = [checksum(FLAG_ADLER32_UNPACKED, adler32), checksum(FLAG_CRC32_UNPACKED, crc32)];
  const packedChecks = isStored
    ? []
    : [checksum(FLAG_ADLER32_PACKED, adler32), checksum(FLAG_CRC32_PACKED, crc32)];
  const data = reader.slice(at, packedSize, 'block data');
  for (const check of packedChecks) check?.(data);
  output.reserve(size);
  const target = output.bytes.subarray(output.length, output.length + size);
  if (isStored) target.set(data);
  else decodeLzo1x(reader, at, packedSize, target);
  for (const check of unpackedChecks) check?.(target);
  output.length += size;
  return at + packedSize;
}

/** RFC 1950 section 8.2, in runs short enough for 32-bit sums; lzop begins at 1, as zlib does. */
function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (let start = 0; start < bytes.length; start += 5552) {
    const end = Math.min(start + 5552, bytes.length);
    for (let at = start; at < end; at++) {
      low += bytes[at]!;
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return ((high << 16) | low) >>> 0;
}
