/**
 * Dumps in makedumpfile's own format: each page packed by itself, pages that were left out known by a bitmap.
 * Specification: makedumpfile IMPLEMENTATION and diskdump_mod.h; a page descriptor is
 * {offset u64, size u32, flags u32, page_flags u64}.
 * @module
 */
import { inflateSync } from 'node:zlib';
import { KhopError } from '../../error.ts';
import { ByteReader } from '../byte-reader.ts';
import { type ByteSource, RecentValues, storedSize } from '../byte-source.ts';
import { decodeLzo1x } from '../lzo.ts';
import type { Range } from '../range.ts';
import { decodeSnappy } from '../snappy.ts';
import { decodeZstd } from '../zstd.ts';
import type { CrashedMemory, MemoryRead } from './crashed-memory.ts';
import { readDumpNotes } from './dump-notes.ts';
import { type KdumpHeader, readKdumpHeader } from './kdump-header.ts';
import { PageBitmap } from './page-bitmap.ts';

const DESCRIPTOR_SIZE = 24;
/** Bits of a descriptor's flags. */
const PACKED_BY = { zlib: 1, lzo: 2, snappy: 4, zstd: 0x20 } as const;
const PAGES_KEPT = 512;
/** A map of memory has some dozens of ranges; a damaged bitmap has one for every other page. */
const RANGES_LIMIT = 65_536;
/** VMCOREINFO is at most one page of the largest size. */
const LARGEST_VMCOREINFO = 65_536;

type PageState = MemoryRead['state'];
interface Page {
  readonly state: PageState;
  readonly bytes: Uint8Array;
  readonly reason: string;
}

/** @throws E_FORMAT when the headers are damaged */
export function openKdumpDump(source: ByteSource, isFlattened: boolean): CrashedMemory {
  const header = readKdumpHeader(source);
  const memory = new PageBitmap(source, header.memoryBitmap, header.pages);
  const saved = new PageBitmap(source, header.savedBitmap, header.pages);
  const pages = new RecentValues<number, Page>(PAGES_KEPT);
  const readPage = (frame: number) =>
    pages.get(frame, () => findPage({ source, header, memory, saved }, frame));
  const { notes, problem } = readDumpNotes(source, [header.notes]);
  return {
    format: 'kdump-compressed',
    isFlattened,
    machine: header.machine,
    notes,
    vmcoreinfo: readVmcoreinfo(source, header),
    mappings: [],
    dumpLevel: header.dumpLevel,
    savedAt: header.savedAt,
    problems: [
      ...(problem === undefined ? [] : [problem]),
      ...(header.isIncomplete ? ['its header says that it is incomplete'] : []),
      ...(header.split === undefined ? [] : [describeSplit(header.split)]),
      ...cutProblem({ source, header, saved }),
    ],
    memoryRanges: () => memoryRanges({ source, header, memory }),
    savedRanges: () => savedRanges({ source, header, saved }),
    savedBytes: () => BigInt(countSaved(saved, header) ?? 0) * BigInt(header.blockSize),
    readPhysical: (address, length) => readPages(readPage, header.blockSize, address, length),
  };
}

function describeSplit({ start, end }: { readonly start: number; readonly end: number }): string {
  return `it is one part of a split dump, with page frames ${start} to ${end - 1} only`;
}

/** Descriptors come before the pages: when the last one or its page is beyond the end, pages are lost. */
function cutProblem(file: Pick<KdumpFile, 'source' | 'header' | 'saved'>): string[] {
  const { source, header } = file;
  const count = countSaved(file.saved, header);
  if (count === undefined)
    return [`the file is cut off at byte ${source.size}, before the list of its pages`];
  if (count === 0) return ['it lists no page: writing it was broken off'];
  const last = count - 1;
  const at = header.descriptors + last * DESCRIPTOR_SIZE;
  const bytes = source.read(at, DESCRIPTOR_SIZE);
  if (bytes.length < DESCRIPTOR_SIZE) return [`the file is cut off at byte ${source.size}, before its pages`];
  const descriptor = new ByteReader(bytes, 'page descriptor');
  const [offset, size] = [descriptor.u64(0, 'offset'), descriptor.u32(8, 'size')];
  if (offset === 0n) return ['it has descriptors without pages: writing it was broken off'];
  return offset + BigInt(size) > BigInt(source.size)
    ? [`the file is cut off at byte ${source.size}, within its pages`]
    : [];
}

/** How many pages this file should have; undefined when the bitmap is cut off. */
function countSaved(saved: PageBitmap, header: KdumpHeader): number | undefined {
  const { start, end } = header.split ?? { start: 0, end: header.pages };
  const before = saved.rank(Math.min(start, header.pages));
  const upTo = saved.rank(Math.min(end, header.pages));
  return before === undefined || upTo === undefined ? undefined : Math.max(0, upTo - before);
}

function memoryRanges({ source, header, memory }: Omit<KdumpFile, 'saved'>): Range[] {
  const ranges: Range[] = [];
  for (const run of memory.runs()) {
    if (ranges.length === RANGES_LIMIT)
      throw new KhopError('E_FORMAT', `${source.name}: its memory is in more than ${RANGES_LIMIT} ranges`, {
        hint: 'The list of pages is damaged. The log may still be good: khop vmcore dmesg',
      });
    ranges.push(toRange(run, header.blockSize));
  }
  return ranges;
}

/** Pages that the bitmap names, as far as there can be descriptors of them. */
function* savedRanges({ source, header, saved }: Omit<KdumpFile, 'memory'>): Generator<Range> {
  const { start, end } = header.split ?? { start: 0, end: header.pages };
  let left = Math.floor(Math.min(storedSize(source), source.size - header.descriptors) / DESCRIPTOR_SIZE);
  for (const run of saved.runs()) {
    if (left <= 0) return;
    const first = Math.max(run.start, start);
    const last = Math.min(run.end, end, first + left);
    if (last <= first) continue;
    left -= last - first;
    yield toRange({ start: first, end: last }, header.blockSize);
  }
}

function toRange(run: { readonly start: number; readonly end: number }, pageSize: number): Range {
  return { start: BigInt(run.start) * BigInt(pageSize), end: BigInt(run.end) * BigInt(pageSize) };
}

function readVmcoreinfo(source: ByteSource, header: KdumpHeader): Uint8Array | undefined {
  const { offset, size } = header.vmcoreinfo;
  if (size === 0) return undefined;
  return source.read(offset, Math.min(size, LARGEST_VMCOREINFO));
}

interface KdumpFile {
  readonly source: ByteSource;
  readonly header: KdumpHeader;
  readonly memory: PageBitmap;
  readonly saved: PageBitmap;
}

function gap(state: PageState, reason: string): Page {
  return { state, reason, bytes: new Uint8Array(0) };
}

function findPage(file: KdumpFile, frame: number): Page {
  const { source, header, memory, saved } = file;
  if (frame >= header.pages) return gap('absent', 'it is above the memory that the dump names');
  const isMemory = memory.has(frame);
  const isSaved = saved.has(frame);
  if (isSaved === undefined || isMemory === undefined)
    return gap('lost', 'the file ends before the list of its pages');
  if (!isSaved && countSaved(saved, header) === 0)
    return gap('lost', 'the dump was broken off before its list of pages');
  if (!isSaved)
    return isMemory ? gap('excluded', 'it was left out of the dump') : gap('absent', 'it is no memory');
  const { split } = header;
  if (split !== undefined && (frame < split.start || frame >= split.end))
    return gap('lost', 'it is in another part of the split dump');
  const [rank, before] = [saved.rank(frame), saved.rank(split?.start ?? 0)];
  if (rank === undefined || before === undefined) return gap('lost', 'the list of pages is not whole');
  const bytes = source.read(header.descriptors + (rank - before) * DESCRIPTOR_SIZE, DESCRIPTOR_SIZE);
  if (bytes.length < DESCRIPTOR_SIZE) return gap('lost', 'the file ends before its descriptor');
  return readPage(source, header.blockSize, new ByteReader(bytes, 'page descriptor'));
}

function readPage(source: ByteSource, pageSize: number, descriptor: ByteReader): Page {
  const offset = descriptor.u64(0, 'offset');
  const size = descriptor.u32(8, 'size');
  const flags = descriptor.u32(12, 'flags');
  if (offset === 0n) return gap('lost', 'the dump was broken off before it');
  if (offset + BigInt(size) > BigInt(source.size)) return gap('lost', 'the file ends before it');
  // A page that would not shrink is saved as it is.
  if (size > pageSize) return gap('lost', `its descriptor names ${size} bytes`);
  const packed = source.read(Number(offset), size);
  if (packed.length < size) return gap('lost', 'the file ends before it');
  try {
    return { state: 'read', reason: '', bytes: unpackPage(packed, flags, pageSize) };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return gap('lost', `its data is damaged: ${error.message}`);
  }
}

function unpackPage(packed: Uint8Array, flags: number, pageSize: number): Uint8Array {
  const reader = new ByteReader(packed, 'page');
  const output = new Uint8Array(pageSize);
  if (flags & PACKED_BY.zlib) return requirePage(reader, inflatePage(reader, pageSize), pageSize);
  if (flags & PACKED_BY.lzo) decodeLzo1x(reader, 0, packed.length, output);
  else if (flags & PACKED_BY.snappy) decodeSnappy(reader, output);
  else if (flags & PACKED_BY.zstd) return requirePage(reader, unpackZstd(packed, pageSize), pageSize);
  else return requirePage(reader, packed, pageSize);
  return output;
}

function unpackZstd(bytes: Uint8Array, maxOutputBytes: number): Uint8Array {
  return decodeZstd({ bytes, name: 'page', maxOutputBytes, extent: 'all' }).bytes;
}

function inflatePage(reader: ByteReader, pageSize: number): Uint8Array {
  try {
    return inflateSync(reader.bytes, { maxOutputLength: pageSize });
  } catch (error) {
    return reader.fail('zlib data', 0, (error as Error).message);
  }
}

function requirePage(reader: ByteReader, bytes: Uint8Array, pageSize: number): Uint8Array {
  return bytes.length === pageSize ? bytes : reader.fail('data', 0, `unpacks to ${bytes.length} bytes`);
}

function readPages(
  readPage: (frame: number) => Page,
  pageSize: number,
  address: bigint,
  length: number,
): MemoryRead {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const here = address + BigInt(at);
    const within = Number(here % BigInt(pageSize));
    const page = readPage(Number(here / BigInt(pageSize)));
    if (page.state !== 'read') return { state: page.state, address: here, reason: page.reason };
    const part = page.bytes.subarray(within, within + length - at);
    bytes.set(part, at);
    at += part.length;
  }
  return { state: 'read', bytes };
}
