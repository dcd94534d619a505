/**
 * Dumps in ELF: /proc/vmcore, `makedumpfile -E`, QEMU's dump-guest-memory.
 * Reference: linux fs/proc/vmcore.c; makedumpfile IMPLEMENTATION, "the dump file format" for bit 0 of e_flags.
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import { type ByteSource, storedSize } from '../byte-source.ts';
import {
  ELF_HEADER_SIZE,
  ELF_TYPES,
  type ElfFile,
  PN_XNUM,
  PROGRAM_HEADER_SIZE,
  type ProgramHeader,
  parseElf,
  SECTION_HEADER_SIZE,
  SEGMENT_TYPES,
} from '../elf.ts';
import type { ElfNote } from '../elf-notes.ts';
import { mergeRanges, type Range, rangeFromSize, rangeSize } from '../range.ts';
import type { CrashedMemory, MemoryRead } from './crashed-memory.ts';
import { readDumpNotes } from './dump-notes.ts';
import { indexPieces, type PieceIndex } from './piece-index.ts';

const INCOMPLETE = 1;
/** A million ranges of memory. */
const LARGEST_TABLE = 1_000_000 * PROGRAM_HEADER_SIZE;
/** x86-64 and arm64 have 52 bits of physical address. */
const PHYSICAL_LIMIT = 1n << 52n;
const NO_ADDRESS = (1n << 64n) - 1n;

/** @throws E_FORMAT when the headers are damaged; E_UNSUPPORTED for 32-bit and big-endian dumps */
export function openElfDump(source: ByteSource, isFlattened: boolean): CrashedMemory {
  const elf = readHeaders(source);
  const reader = new ByteReader(elf.bytes, `${source.name}: ELF dump`);
  if (elf.type !== ELF_TYPES.core) reader.fail('e_type', 0x10, 'is not ET_CORE: this is no dump of memory');
  const loads = elf.programHeaders.filter(({ type, memorySize, physicalAddress }) => {
    // -1 is what /proc/kcore has for memory without one place, such as vmalloc's.
    const isLoad = type === SEGMENT_TYPES.load && memorySize > 0n && physicalAddress !== NO_ADDRESS;
    if (isLoad && physicalAddress + memorySize > PHYSICAL_LIMIT)
      reader.fail('p_paddr', physicalAddress, 'is no physical address');
    return isLoad;
  });
  const found = readNotes(source, elf);
  const index = indexSegments(loads);
  return {
    format: 'ELF',
    isFlattened,
    machine: elf.machine,
    notes: found.notes,
    vmcoreinfo: found.notes.find(({ name }) => name === 'VMCOREINFO')?.description,
    mappings: loads.map(({ virtualAddress, physicalAddress, memorySize }) => ({
      virtualAddress,
      physicalAddress,
      size: memorySize,
    })),
    dumpLevel: undefined,
    savedAt: undefined,
    problems: [
      ...found.problems,
      ...(reader.u32(0x30, 'e_flags') & INCOMPLETE ? ['its header says that it is incomplete'] : []),
      ...cutProblem(source, loads),
    ],
    memoryRanges: () => ranges(loads, ({ memorySize }) => memorySize),
    savedRanges: () => savedRanges(source, loads),
    savedBytes: () => savedRanges(source, loads).reduce((sum, each) => sum + rangeSize(each), 0n),
    readPhysical: (address, length) => readSegments(source, index, address, length),
  };
}

/** The ELF header and its tables as if they were a file: nothing else of the dump has to be in memory. */
function readHeaders(source: ByteSource): ElfFile {
  const start = Uint8Array.from(source.read(0, ELF_HEADER_SIZE));
  if (start.length < ELF_HEADER_SIZE) return parseElf(start);
  const header = new ByteReader(start, `${source.name}: ELF dump`);
  const isLong = header.u16(0x38, 'e_phnum') === PN_XNUM;
  // A section table has something to say only where the number of program headers did not fit.
  if (!isLong) start.fill(0, 0x28, 0x30);
  const sectionsAt = header.size64(0x28, 'e_shoff');
  const first = isLong
    ? new ByteReader(source.read(sectionsAt, SECTION_HEADER_SIZE), source.name)
    : undefined;
  const count = first?.u32(0x2c, 'sh_info') ?? header.u16(0x38, 'e_phnum');
  const tableEnd = header.size64(0x20, 'e_phoff') + count * PROGRAM_HEADER_SIZE;
  const end = Math.max(tableEnd, isLong ? sectionsAt + SECTION_HEADER_SIZE : 0);
  if (end > LARGEST_TABLE) header.fail('e_phoff', 0x20, `puts the end of the tables at ${end}`);
  const bytes = Uint8Array.from(source.read(0, end));
  bytes.set(start.subarray(0, bytes.length));
  if (isLong && bytes.length > 0x3e) bytes.set([1, 0, 0, 0], 0x3c);
  return parseElf(bytes);
}

function readNotes(
  source: ByteSource,
  elf: ElfFile,
): { readonly notes: readonly ElfNote[]; readonly problems: readonly string[] } {
  const parts = elf.programHeaders
    .filter(({ type }) => type === SEGMENT_TYPES.note)
    .map(({ offset, fileSize }) => ({ offset: Number(offset), size: Number(fileSize) }));
  const beyond = parts.find(({ offset, size }) => offset + size > source.size);
  const { notes, problem } = readDumpNotes(
    source,
    parts.filter(({ offset, size }) => offset + size <= source.size),
  );
  return {
    notes,
    problems: [
      ...(beyond === undefined ? [] : [`the notes at byte ${beyond.offset} are not in the file`]),
      ...(problem === undefined ? [] : [problem]),
    ],
  };
}

function cutProblem(source: ByteSource, loads: readonly ProgramHeader[]): string[] {
  const end = loads.reduce(
    (last, { offset, fileSize }) => (offset + fileSize > last ? offset + fileSize : last),
    0n,
  );
  return end > BigInt(source.size) ? [`the file is cut off: it has ${source.size} bytes of ${end}`] : [];
}

function ranges(loads: readonly ProgramHeader[], sizeOf: (load: ProgramHeader) => bigint) {
  return mergeRanges(loads.map((load) => rangeFromSize(load.physicalAddress, sizeOf(load))));
}

/** Segments of a damaged dump may all name the same bytes of the file: what is beyond its size is left out. */
function savedRanges(source: ByteSource, loads: readonly ProgramHeader[]): Range[] {
  const size = BigInt(source.size);
  let left = BigInt(storedSize(source));
  const present = ({ offset, fileSize, memorySize }: ProgramHeader) =>
    least(fileSize, memorySize, offset < size ? size - offset : 0n);
  return ranges(loads, present).flatMap((range) => {
    const part = least(left, rangeSize(range));
    left -= part;
    return part > 0n ? [rangeFromSize(range.start, part)] : [];
  });
}

function least(...values: readonly bigint[]): bigint {
  return values.reduce((low, value) => (value < low ? value : low));
}

/** Where the bytes of physical addresses are. Addresses have 52 bits, so they are safe as numbers. */
interface SegmentIndex {
  /** What is in the file. */
  readonly saved: PieceIndex;
  /** What was memory. */
  readonly memory: PieceIndex;
}

function indexSegments(loads: readonly ProgramHeader[]): SegmentIndex {
  const pieces = (sizeOf: (load: ProgramHeader) => bigint) => {
    const present = loads.filter((load) => sizeOf(load) > 0n);
    return {
      starts: present.map(({ physicalAddress }) => Number(physicalAddress)),
      lengths: present.map((load) => Number(sizeOf(load))),
      // What is beyond 2^53 is in no file, and reading there gives nothing.
      froms: present.map(({ offset }) => Math.min(Number(offset), Number.MAX_SAFE_INTEGER)),
    };
  };
  return {
    // On x86 the kernel's text has a segment of its own and lies in one of RAM too: any will do.
    saved: indexPieces(pieces(({ fileSize, memorySize }) => least(fileSize, memorySize))),
    memory: indexPieces(pieces(({ memorySize }) => memorySize)),
  };
}

function readSegments(source: ByteSource, index: SegmentIndex, address: bigint, length: number): MemoryRead {
  const bytes = new Uint8Array(length);
  if (address + BigInt(length) > PHYSICAL_LIMIT)
    return { state: 'absent', address, reason: 'it is no physical address' };
  for (let at = 0; at < length; ) {
    const here = Number(address) + at;
    const { from, length: available } = index.saved.find(here);
    if (from === undefined)
      return index.memory.find(here).from === undefined
        ? { state: 'absent', address: BigInt(here), reason: 'the dump names no memory there' }
        : { state: 'excluded', address: BigInt(here), reason: 'it was left out of the dump' };
    const wanted = Math.min(available, length - at);
    const part = from < source.size ? source.read(from, wanted) : bytes.subarray(0, 0);
    bytes.set(part, at);
    at += part.length;
    if (part.length < wanted)
      return { state: 'lost', address: address + BigInt(at), reason: 'the file ends before it' };
  }
  return { state: 'read', bytes };
}
