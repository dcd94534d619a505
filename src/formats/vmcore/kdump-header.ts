/**
 * The headers of the kdump-compressed format.
 * Specification: makedumpfile IMPLEMENTATION and diskdump_mod.h, struct disk_dump_header and
 * kdump_sub_header, 64-bit little-endian:
 *
 *     0   8  `KDUMP   `              428  4  block_size          0  8  phys_base        48  8  offset_note
 *     8   4  header_version          432  4  sub_hdr_size        8  4  dump_level       56  8  size_note
 *     12  65 each of utsname         436  4  bitmap_blocks      12  4  split            80  8  start_pfn_64
 *     408 16 timestamp               440  4  max_mapnr          16  8  start_pfn        88  8  end_pfn_64
 *     424 4  status                  460  4  nr_cpus            24  8  end_pfn          96  8  max_mapnr_64
 *     (sizes in blocks)                                         32 16  offset_vmcoreinfo, size_vmcoreinfo
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { ByteSource } from '../byte-source.ts';
import { ELF_MACHINES } from '../elf.ts';
import { printableText } from '../printable-text.ts';

const SIGNATURE = Buffer.from('KDUMP   ', 'latin1');
const HEADER_SIZE = 464;
const SUB_HEADER_SIZE = 104;
const INCOMPLETE = 8;
const UTSNAME_FIELD = 65;
/** 256 TiB of memory in pages of 4 KiB: the bitmaps have 8 GiB each. */
const PAGES_LIMIT = 2 ** 36;

/** A place in the file; size 0 when there is none. */
export interface FilePart {
  readonly offset: number;
  readonly size: number;
}

/** What the two headers say. */
export interface KdumpHeader {
  readonly version: number;
  readonly machine: number;
  /** Bytes, of a block and of a page. */
  readonly blockSize: number;
  /** Epoch seconds. */
  readonly savedAt: number;
  readonly isIncomplete: boolean;
  /** Number of page frames that the bitmaps speak of. */
  readonly pages: number;
  /** Byte offsets of the bitmap of memory, the bitmap of saved memory, and of the first page descriptor. */
  readonly memoryBitmap: number;
  readonly savedBitmap: number;
  readonly descriptors: number;
  readonly dumpLevel: number;
  /** Page frames of this file, `makedumpfile --split`: inclusive start, exclusive end. */
  readonly split: { readonly start: number; readonly end: number } | undefined;
  readonly vmcoreinfo: FilePart;
  readonly notes: FilePart;
}

/** Whether `source` begins as such a file. */
export function isKdump(source: ByteSource): boolean {
  return SIGNATURE.equals(source.read(0, SIGNATURE.length));
}

/** @throws E_FORMAT */
export function readKdumpHeader(source: ByteSource): KdumpHeader {
  const main = new ByteReader(source.read(0, HEADER_SIZE), `${source.name}: kdump header`);
  const version = main.u32(8, 'header_version');
  const blockSize = main.u32(428, 'block_size');
  if (blockSize < 4096 || blockSize > 65_536 || (blockSize & (blockSize - 1)) !== 0)
    main.fail('block_size', 428, `${blockSize} is no size of a page`);
  const sub = new ByteReader(source.read(blockSize, SUB_HEADER_SIZE), `${source.name}: kdump sub header`);
  const pages = version >= 6 ? sub.size64(96, 'max_mapnr_64') : main.u32(440, 'max_mapnr');
  if (pages === 0 || pages > PAGES_LIMIT) main.fail('max_mapnr', 440, `${pages} pages are absurd`);
  const bitmapBlocks = main.u32(436, 'bitmap_blocks');
  const bitmapSize = (bitmapBlocks / 2) * blockSize;
  if (bitmapSize * 8 < pages)
    main.fail('bitmap_blocks', 436, `${bitmapBlocks} are too few for ${pages} pages`);
  const memoryBitmap = blockSize * (1 + main.u32(432, 'sub_hdr_size'));
  return {
    version,
    machine: machineOf(main),
    blockSize,
    savedAt: main.size64(408, 'timestamp'),
    isIncomplete: (main.u32(424, 'status') & INCOMPLETE) !== 0,
    pages,
    memoryBitmap,
    savedBitmap: memoryBitmap + bitmapSize,
    descriptors: memoryBitmap + bitmapBlocks * blockSize,
    dumpLevel: version >= 1 ? sub.u32(8, 'dump_level') : 0,
    split: readSplit(sub, version),
    vmcoreinfo: version >= 3 ? readPart(sub, 32, 'vmcoreinfo') : { offset: 0, size: 0 },
    notes: version >= 4 ? readPart(sub, 48, 'note') : { offset: 0, size: 0 },
  };
}

function readSplit(sub: ByteReader, version: number): KdumpHeader['split'] {
  if (version < 2 || sub.u32(12, 'split') === 0) return undefined;
  const [start, end] = version >= 6 ? ([80, 88] as const) : ([16, 24] as const);
  return { start: sub.size64(start, 'start_pfn'), end: sub.size64(end, 'end_pfn') };
}

function readPart(sub: ByteReader, at: number, name: string): FilePart {
  return { offset: sub.size64(at, `offset_${name}`), size: sub.size64(at + 8, `size_${name}`) };
}

/** utsname.machine. */
function machineOf(main: ByteReader): number {
  const name = printableText(main.text(12 + 4 * UTSNAME_FIELD, UTSNAME_FIELD, 'utsname.machine'));
  return Object.entries(ELF_MACHINES).find(([known]) => known === name)?.[1] ?? 0;
}
