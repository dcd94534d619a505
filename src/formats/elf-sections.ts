/**
 * The sections of an ELF file: symbol names, build ids, debug data, by name.
 * Specification: System V ABI gABI 4.2, chapter 4, "Sections"; structure Elf64_Shdr.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { type ElfFile, SECTION_HEADER_SIZE } from './elf.ts';
import { printableText } from './printable-text.ts';

/** sh_type: a section without bytes in the file (.bss). */
const SHT_NOBITS = 8;
const NAME_LIMIT = 256;

/** One section. */
export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly address: bigint;
  /** A view of the file; empty for SHT_NOBITS. */
  readonly bytes: Uint8Array;
  /** Bytes in memory. */
  readonly size: number;
  readonly alignment: bigint;
}

/** All sections, the empty one at index 0 included. @throws E_FORMAT when one lies outside the file */
export function readElfSections(elf: ElfFile): ElfSection[] {
  const { offset, count, namesIndex } = elf.sectionTable;
  const reader = new ByteReader(elf.bytes, 'ELF');
  if (count === 0) return [];
  if (namesIndex >= count) reader.fail('e_shstrndx', 0x3e, `there is no section ${namesIndex}`);
  const names = namesIndex === 0 ? new Uint8Array(0) : contents(reader, offset, namesIndex);
  return Array.from({ length: count }, (_none, index) => {
    const at = offset + index * SECTION_HEADER_SIZE;
    return {
      name: nameAt(names, reader.u32(at, 'sh_name')),
      type: reader.u32(at + 4, 'sh_type'),
      flags: reader.u64(at + 8, 'sh_flags'),
      address: reader.u64(at + 16, 'sh_addr'),
      bytes: index === 0 ? new Uint8Array(0) : contents(reader, offset, index),
      size: reader.size64(at + 32, 'sh_size'),
      alignment: reader.u64(at + 48, 'sh_addralign'),
    };
  });
}

/** The first section of that name. */
export function findElfSection(elf: ElfFile, name: string): ElfSection | undefined {
  return readElfSections(elf).find((section) => section.name === name);
}

function contents(reader: ByteReader, table: number, index: number): Uint8Array {
  const at = table + index * SECTION_HEADER_SIZE;
  if (reader.u32(at + 4, 'sh_type') === SHT_NOBITS) return new Uint8Array(0);
  return reader.slice(
    reader.size64(at + 24, 'sh_offset'),
    reader.size64(at + 32, 'sh_size'),
    `section ${index}`,
  );
}

/** Empty for an offset outside the string table, which a section without a name may have. */
function nameAt(names: Uint8Array, offset: number): string {
  const text = Buffer.from(names.subarray(offset, offset + NAME_LIMIT)).toString('latin1');
  return printableText(text.split('\0', 1)[0] ?? '');
}
