/**
 * Headers of .xz blocks and the filters they name. "The .xz File Format" 3.1 (block header), 5. (filters).
 * @module
 */
import { crc32 } from 'node:zlib';
import { KhopError } from '../error.ts';
import { BRANCH_FILTERS, undoDelta } from './bcj.ts';
import type { ByteReader } from './byte-reader.ts';
import { parseLzma2DictionarySize } from './lzma2.ts';
import { readVli } from './xz-vli.ts';

const FILTER_DELTA = 0x03;
const FILTER_LZMA2 = 0x21;

/** 3.1. */
export interface XzBlockHeader {
  /** Bytes of the header itself. */
  readonly headerSize: number;
  readonly compressedSize: number | undefined;
  readonly uncompressedSize: number | undefined;
  readonly dictionarySize: number;
  /** What undoes each filter before LZMA2, in the order in which they were applied. */
  readonly filters: readonly ((content: Uint8Array) => void)[];
}

/** @throws E_FORMAT, E_UNSUPPORTED for a filter that is not handled */
export function parseXzBlockHeader(reader: ByteReader, start: number, name: string): XzBlockHeader {
  const headerSize = (reader.u8(start, 'block header size') + 1) * 4;
  const header = reader.slice(start, headerSize - 4, 'block header');
  if (reader.u32(start + headerSize - 4, 'block header CRC32') !== crc32(header))
    reader.fail('block header CRC32', start + headerSize - 4, 'does not match');
  const flags = reader.u8(start + 1, 'block flags');
  if ((flags & 0x3c) !== 0) reader.fail('block flags', start + 1, 'use reserved bits');
  let at = start + 2;
  const optionalSize = (mask: number, field: string): number | undefined => {
    if ((flags & mask) === 0) return undefined;
    const size = readVli(reader, at, field);
    at = size.end;
    return size.value;
  };
  const compressedSize = optionalSize(0x40, 'compressed size');
  const uncompressedSize = optionalSize(0x80, 'uncompressed size');
  const filters: ((content: Uint8Array) => void)[] = [];
  for (let index = 0; index < (flags & 3); index++) {
    const filter = readFilter(reader, at);
    filters.push(parseFilter(reader, filter, name));
    at = filter.end;
  }
  const last = readFilter(reader, at);
  const dictionarySize = parseLzma2(reader, last, name);
  const end = start + headerSize - 4;
  if (last.end > end || reader.bytes.subarray(last.end, end).some((byte) => byte !== 0))
    reader.fail('block header padding', last.end, 'is not zero, or a filter does not fit in the header');
  return { headerSize, compressedSize, uncompressedSize, dictionarySize, filters };
}

/** 3.1.5., filter flags. */
interface Filter {
  readonly id: number;
  readonly offset: number;
  readonly properties: Uint8Array;
  readonly end: number;
}

function readFilter(reader: ByteReader, offset: number): Filter {
  const id = readVli(reader, offset, 'filter id');
  const size = readVli(reader, id.end, 'size of filter properties');
  const properties = reader.slice(size.end, size.value, 'filter properties');
  return { id: id.value, offset, properties, end: size.end + size.value };
}

/** 5.3.1. */
function parseLzma2(reader: ByteReader, filter: Filter, name: string): number {
  if (filter.id !== FILTER_LZMA2) failFilter(filter, name, 'where LZMA2 has to be');
  const size = filter.properties.length === 1 ? parseLzma2DictionarySize(filter.properties[0]!) : undefined;
  return size ?? reader.fail('LZMA2 properties', filter.offset, 'are out of range');
}

/** 5.3.2. and 5.3.3. */
function parseFilter(reader: ByteReader, filter: Filter, name: string): (content: Uint8Array) => void {
  const { id, offset, properties } = filter;
  if (id === FILTER_DELTA) {
    if (properties.length !== 1) reader.fail('Delta properties', offset, 'are not one byte');
    return (content) => undoDelta(content, properties[0]! + 1);
  }
  const branch = BRANCH_FILTERS.get(id) ?? failFilter(filter, name, 'before LZMA2');
  if (properties.length !== 0 && properties.length !== 4)
    reader.fail('branch filter properties', offset, 'are neither empty nor a start offset');
  const start = properties.length === 0 ? 0 : Buffer.from(properties).readUInt32LE();
  if (start % branch.alignment !== 0) reader.fail('branch filter start offset', offset, 'is not aligned');
  return (content) => branch.undo(content, start);
}

function failFilter(filter: Filter, name: string, place: string): never {
  throw new KhopError('E_UNSUPPORTED', `${name}: xz filter 0x${filter.id.toString(16)} ${place}`, {
    hint: 'Pack the file again with a filter that is handled: xz --check=crc32 --lzma2, with --x86 or --arm64 before it.',
  });
}

/** Undoes in place what was applied before LZMA2, the last filter first. */
export function undoXzFilters(header: XzBlockHeader, content: Uint8Array): void {
  for (const undo of header.filters.toReversed()) undo(content);
}
