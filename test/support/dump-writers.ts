/**
 * Writes dumps of memory in each format that khop reads.
 * @module
 */
import { deflateSync, zstdCompressSync } from 'node:zlib';
import type { ByteSource } from '../../src/formats/byte-source.ts';
import { type ElfNote, encodeElfNotes } from '../../src/formats/elf-notes.ts';
import type { CrashedMachine } from './crashed-machine.ts';
import { buildElf } from './elf-writer.ts';

const PAGE = 4096;

/** Bytes as a source; reads beyond the end are short. */
export function sourceOf(bytes: Uint8Array, name = 'dump'): ByteSource {
  return {
    name,
    size: bytes.length,
    read: (offset, length) =>
      bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length)),
  };
}

/** NT_PRSTATUS of x86-64 with these registers. */
export function prstatusNote(pid: number, registers: { readonly ip: bigint; readonly sp: bigint }): ElfNote {
  const description = Buffer.alloc(336);
  description.writeUInt32LE(pid, 32);
  description.writeBigUInt64LE(registers.ip, 112 + 16 * 8);
  description.writeBigUInt64LE(registers.sp, 112 + 19 * 8);
  return { name: 'CORE', type: 1, description };
}

function notesOf(machine: CrashedMachine): Uint8Array {
  return encodeElfNotes([
    prstatusNote(7, { ip: 0xffff_ffff_9200_0010n, sp: 0xffff_9000_1000_0100n }),
    { name: 'VMCOREINFO', type: 0, description: Buffer.from(machine.vmcoreinfo, 'latin1') },
  ]);
}

/** As /proc/vmcore: notes, then memory. */
export function encodeElfDump(
  machine: CrashedMachine,
  options: { readonly usePnXnum?: boolean } = {},
): Uint8Array {
  return buildElf({
    type: 4,
    ...options,
    segments: [
      { type: 4, bytes: notesOf(machine) },
      { physicalAddress: machine.base, bytes: machine.bytes },
    ],
  });
}

/** How a page is packed. */
export type PageCodec = 'raw' | 'zlib' | 'lzo' | 'snappy' | 'zstd';

const PACKERS: Record<PageCodec, { readonly flag: number; readonly pack: (page: Uint8Array) => Uint8Array }> =
  {
    raw: { flag: 0, pack: (page) => page },
    zlib: { flag: 1, pack: deflateSync },
    lzo: { flag: 2, pack: packLzo },
    snappy: { flag: 4, pack: packSnappy },
    zstd: { flag: 0x20, pack: zstdCompressSync },
  };

/** What a kdump file is to be like. */
export interface KdumpOptions {
  readonly codec?: PageCodec;
  /** Physical addresses of pages that are left out. */
  readonly excluded?: readonly bigint[];
  /** Pages whose descriptors have no data. */
  readonly lost?: readonly bigint[];
  readonly isIncomplete?: boolean;
  readonly split?: { readonly start: number; readonly end: number };
}

/** makedumpfile's own format, version 6. */
export function encodeKdump(machine: CrashedMachine, options: KdumpOptions = {}): Uint8Array {
  const first = Number(machine.base) / PAGE;
  const pages = machine.bytes.length / PAGE;
  const frames = first + pages;
  const bitmapSize = Math.ceil(frames / 8 / PAGE) * PAGE;
  const notes = notesOf(machine);
  const infoSize = machine.vmcoreinfo.length;
  const subHeaderBlocks = Math.ceil((104 + notes.length + infoSize) / PAGE);
  const bitmapAt = PAGE * (1 + subHeaderBlocks);
  const numbersOf = (addresses: readonly bigint[] = []) =>
    new Set(addresses.map((each) => Number(each) / PAGE));
  const [excluded, lost] = [numbersOf(options.excluded), numbersOf(options.lost)];
  const { start, end } = options.split ?? { start: 0, end: frames };
  const memory = Array.from({ length: pages }, (_none, index) => first + index);
  const saved = memory.filter((frame) => !excluded.has(frame));
  const here = saved.filter((frame) => frame >= start && frame < end);
  const { flag, pack } = PACKERS[options.codec ?? 'zlib'];
  const descriptorsAt = bitmapAt + 2 * bitmapSize;
  const descriptors = Buffer.alloc(here.length * 24);
  const data: Uint8Array[] = [];
  let at = descriptorsAt + descriptors.length;
  for (const [index, frame] of here.entries()) {
    if (lost.has(frame)) continue;
    const page = machine.bytes.subarray((frame - first) * PAGE, (frame - first + 1) * PAGE);
    const packed = pack(page);
    const isSmaller = packed.length < PAGE;
    const bytes = isSmaller ? packed : page;
    descriptors.writeBigUInt64LE(BigInt(at), index * 24);
    descriptors.writeUInt32LE(bytes.length, index * 24 + 8);
    descriptors.writeUInt32LE(isSmaller ? flag : 0, index * 24 + 12);
    data.push(bytes);
    at += bytes.length;
  }
  const head = Buffer.alloc(descriptorsAt);
  head.write('KDUMP   ', 'latin1');
  head.writeInt32LE(6, 8);
  head.write('x86_64', 12 + 4 * 65, 'latin1');
  head.writeBigUInt64LE(1_790_000_001n, 408);
  head.writeUInt32LE(options.isIncomplete ? 8 : 0, 424);
  head.writeUInt32LE(PAGE, 428);
  head.writeUInt32LE(subHeaderBlocks, 432);
  head.writeUInt32LE((2 * bitmapSize) / PAGE, 436);
  head.writeInt32LE(31, PAGE + 8);
  head.writeInt32LE(options.split === undefined ? 0 : 1, PAGE + 12);
  head.writeBigUInt64LE(BigInt(PAGE + 104 + notes.length), PAGE + 32);
  head.writeBigUInt64LE(BigInt(infoSize), PAGE + 40);
  head.writeBigUInt64LE(BigInt(PAGE + 104), PAGE + 48);
  head.writeBigUInt64LE(BigInt(notes.length), PAGE + 56);
  head.writeBigUInt64LE(BigInt(start), PAGE + 80);
  head.writeBigUInt64LE(BigInt(end), PAGE + 88);
  head.writeBigUInt64LE(BigInt(frames), PAGE + 96);
  head.set(notes, PAGE + 104);
  head.write(machine.vmcoreinfo, PAGE + 104 + notes.length, 'latin1');
  for (const frame of memory) head[bitmapAt + (frame >> 3)]! |= 1 << (frame & 7);
  for (const frame of saved) head[bitmapAt + bitmapSize + (frame >> 3)]! |= 1 << (frame & 7);
  return Buffer.concat([head, descriptors, ...data]);
}

/** A piece of a stream: bytes for `offset`. */
export interface FlatPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The stream of makedumpfile -F. */
export function encodeFlattened(
  pieces: readonly FlatPiece[],
  options: { readonly hasEnd?: boolean } = {},
): Uint8Array {
  const header = Buffer.alloc(4096);
  header.write('makedumpfile', 'latin1');
  header.writeBigInt64BE(1n, 16);
  header.writeBigInt64BE(1n, 24);
  const parts = pieces.flatMap(({ offset, bytes }) => [
    pieceHeader(BigInt(offset), BigInt(bytes.length)),
    bytes,
  ]);
  return Buffer.concat([header, ...parts, ...(options.hasEnd === false ? [] : [pieceHeader(-1n, -1n)])]);
}

function pieceHeader(offset: bigint, size: bigint): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64BE(offset);
  bytes.writeBigInt64BE(size, 8);
  return bytes;
}

/** LZO1X: the page's first bytes as literals, what repeats the byte before as one match, then the end mark. */
function packLzo(page: Uint8Array): Uint8Array {
  let run = page.length;
  while (run > 4 && page[run - 1] === page[run - 2]) run--;
  const literals = page.subarray(0, Math.max(run, 4));
  const rest = page.length - literals.length;
  const match =
    rest < 3 ? [] : rest <= 33 ? [0x20 | (rest - 2), 0, 0] : [0x20, ...longLength(rest - 33), 0, 0];
  const all = rest < 3 ? page : literals;
  const literalRun = all.length <= 238 ? [17 + all.length] : [0, ...longLength(all.length - 18)];
  return Uint8Array.from([...literalRun, ...all, ...match, 17, 0, 0]);
}

/** Lengths beyond what an instruction holds: zeros of 255 each, then the rest, never 0. */
function longLength(length: number): number[] {
  const zeros = Math.floor((length - 1) / 255);
  return [...new Array<number>(zeros).fill(0), length - zeros * 255];
}

/** Snappy: literals of up to 60 bytes, and copies of the byte before for what repeats it. */
function packSnappy(page: Uint8Array): Uint8Array {
  const out = [(page.length & 0x7f) | 0x80, page.length >> 7];
  for (let at = 0; at < page.length; ) {
    let run = 0;
    while (at > 0 && run < 64 && at + run < page.length && page[at + run] === page[at - 1]) run++;
    if (run >= 4) {
      out.push(((run - 1) << 2) | 2, 1, 0);
      at += run;
      continue;
    }
    const length = Math.min(60, page.length - at);
    out.push((length - 1) << 2, ...page.subarray(at, at + length));
    at += length;
  }
  return Uint8Array.from(out);
}
