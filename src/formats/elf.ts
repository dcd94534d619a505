/**
 * ELF: kernels before they are packed (vmlinux), and the headers of memory dumps.
 * Specification: System V ABI gABI 4.2, chapters 4 "Object Files" and 5 "Program Loading"; structures Elf64_Ehdr
 * and Elf64_Phdr. Only 64-bit little-endian files are read: no kernel khop can start is anything else.
 * @module
 */
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';

/** e_ident: the magic number, then class, byte order and version. */
export const ELF_MAGIC = new Uint8Array([0x7f, 0x45, 0x4c, 0x46]);
/** e_machine. */
export const ELF_MACHINES = { x86_64: 62, aarch64: 183 } as const;
/** e_type. */
export const ELF_TYPES = { relocatable: 1, executable: 2, shared: 3, core: 4 } as const;
/** p_type. */
export const SEGMENT_TYPES = { load: 1, dynamic: 2, interpreter: 3, note: 4, gnuStack: 0x6474e551 } as const;
/** p_flags. */
export const SEGMENT_FLAGS = { execute: 1, write: 2, read: 4 } as const;

/** Bytes of Elf64_Ehdr, Elf64_Phdr and Elf64_Shdr. */
export const ELF_HEADER_SIZE = 64;
export const PROGRAM_HEADER_SIZE = 56;
export const SECTION_HEADER_SIZE = 64;
/** e_phnum when the number does not fit: it is then in sh_info of the first section header. */
export const PN_XNUM = 0xffff;

const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const CURRENT_VERSION = 1;

/** One row of the program header table. What `offset` names need not lie in the file: in a dump's header it does not. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
  readonly alignment: bigint;
}

/** Where the section header table is; `elf-sections.ts` reads it. */
export interface SectionTable {
  readonly offset: number;
  readonly count: number;
  /** Index of the section that holds the names; 0 when there is none. */
  readonly namesIndex: number;
}

/** A parsed header with its program headers. */
export interface ElfFile {
  readonly bytes: Uint8Array;
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly programHeaders: readonly ProgramHeader[];
  readonly sectionTable: SectionTable;
}

/** Whether the bytes begin as any ELF file does, 32-bit ones too. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= ELF_MAGIC.length && ELF_MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * @throws E_FORMAT when the bytes are no ELF file or a table lies outside of them
 * @throws E_UNSUPPORTED for 32-bit and for big-endian files
 */
export function parseElf(bytes: Uint8Array): ElfFile {
  const reader = new ByteReader(bytes, 'ELF');
  if (!isElf(bytes)) reader.fail('e_ident', 0, 'does not begin with 0x7f "ELF"');
  requireSupported(reader);
  const sectionTable = readSectionTable(reader);
  return {
    bytes,
    type: reader.u16(0x10, 'e_type'),
    machine: reader.u16(0x12, 'e_machine'),
    entry: reader.u64(0x18, 'e_entry'),
    programHeaders: readProgramHeaders(reader, sectionTable),
    sectionTable,
  };
}

/** The bytes a program header names: a view. @throws E_FORMAT when they lie outside the file */
export function segmentBytes(elf: ElfFile, header: ProgramHeader): Uint8Array {
  const reader = new ByteReader(elf.bytes, 'ELF');
  return reader.slice(toSize(reader, header.offset), toSize(reader, header.fileSize), 'segment');
}

/** What has to be in memory before the entry point is jumped to. */
export interface LoadSegment {
  readonly physicalAddress: bigint;
  /** Bytes; what `bytes` does not fill is zero. */
  readonly memorySize: bigint;
  readonly bytes: Uint8Array;
}

/**
 * The PT_LOAD segments that take up memory, by physical address.
 * @throws E_FORMAT when one lies outside the file, holds more bytes than memory, leaves the address space, or
 *   overlaps another
 */
export function loadSegments(elf: ElfFile): LoadSegment[] {
  const reader = new ByteReader(elf.bytes, 'ELF');
  const segments = elf.programHeaders
    .filter((header) => header.type === SEGMENT_TYPES.load && header.memorySize > 0n)
    .sort((a, b) => (a.physicalAddress < b.physicalAddress ? -1 : 1));
  let end = 0n;
  return segments.map((header) => {
    const { physicalAddress, memorySize } = header;
    if (header.fileSize > memorySize)
      reader.fail('p_filesz', header.offset, 'a segment has more bytes in the file than in memory');
    if (physicalAddress < end) reader.fail('p_paddr', physicalAddress, 'two segments overlap');
    end = physicalAddress + memorySize;
    if (end > 1n << 64n) reader.fail('p_memsz', physicalAddress, 'a segment leaves the address space');
    return { physicalAddress, memorySize, bytes: segmentBytes(elf, header) };
  });
}

function requireSupported(reader: ByteReader): void {
  const elfClass = reader.u8(4, 'EI_CLASS');
  const order = reader.u8(5, 'EI_DATA');
  if (reader.u8(6, 'EI_VERSION') !== CURRENT_VERSION || elfClass < 1 || elfClass > CLASS_64)
    reader.fail('e_ident', 4, 'names a class or version that does not exist');
  if (elfClass === CLASS_64 && order === LITTLE_ENDIAN) return;
  throw new KhopError(
    'E_UNSUPPORTED',
    `ELF: this is a ${elfClass === CLASS_64 ? 'big-endian' : '32-bit'} file`,
    { hint: 'Choose a kernel that was built for x86-64 or little-endian arm64.' },
  );
}

function readSectionTable(reader: ByteReader): SectionTable {
  const offset = reader.size64(0x28, 'e_shoff');
  const count = reader.u16(0x3c, 'e_shnum');
  const namesIndex = reader.u16(0x3e, 'e_shstrndx');
  if (offset === 0) return { offset, count: 0, namesIndex: 0 };
  if (reader.u16(0x3a, 'e_shentsize') !== SECTION_HEADER_SIZE)
    reader.fail('e_shentsize', 0x3a, `is not ${SECTION_HEADER_SIZE}`);
  reader.slice(offset, SECTION_HEADER_SIZE, 'section header table');
  const table = {
    offset,
    // Numbers that do not fit are in the first section header (gABI, "e_shnum", "e_shstrndx").
    count: count === 0 ? reader.size64(offset + 0x20, 'sh_size') : count,
    namesIndex: namesIndex === 0xffff ? reader.u32(offset + 0x28, 'sh_link') : namesIndex,
  };
  reader.slice(offset, table.count * SECTION_HEADER_SIZE, 'section header table');
  return table;
}

function readProgramHeaders(reader: ByteReader, sections: SectionTable): ProgramHeader[] {
  const start = reader.size64(0x20, 'e_phoff');
  const short = reader.u16(0x38, 'e_phnum');
  const isLong = short === PN_XNUM && sections.count > 0;
  const count = isLong ? reader.u32(sections.offset + 0x2c, 'sh_info') : short;
  if (count === 0) return [];
  if (reader.u16(0x36, 'e_phentsize') !== PROGRAM_HEADER_SIZE)
    reader.fail('e_phentsize', 0x36, `is not ${PROGRAM_HEADER_SIZE}`);
  // Before anything is made of `count`: it cannot be more than the file holds.
  reader.slice(start, count * PROGRAM_HEADER_SIZE, 'program header table');
  return Array.from({ length: count }, (_none, index) =>
    readProgramHeader(reader, start + index * PROGRAM_HEADER_SIZE),
  );
}

function readProgramHeader(reader: ByteReader, at: number): ProgramHeader {
  return {
    type: reader.u32(at, 'p_type'),
    flags: reader.u32(at + 4, 'p_flags'),
    offset: reader.u64(at + 8, 'p_offset'),
    virtualAddress: reader.u64(at + 16, 'p_vaddr'),
    physicalAddress: reader.u64(at + 24, 'p_paddr'),
    fileSize: reader.u64(at + 32, 'p_filesz'),
    memorySize: reader.u64(at + 40, 'p_memsz'),
    alignment: reader.u64(at + 48, 'p_align'),
  };
}

function toSize(reader: ByteReader, value: bigint): number {
  if (value > BigInt(reader.length)) reader.fail('segment', value, 'lies outside the file');
  return Number(value);
}
