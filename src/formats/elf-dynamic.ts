/**
 * What a program needs to be started: its loader and its libraries.
 * Specification: System V ABI gABI 4.2, chapter 5, "Program Interpreter", "Dynamic Section" and "Shared Object
 * Dependencies"; structure Elf64_Dyn.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { type ElfFile, SEGMENT_TYPES, segmentBytes } from './elf.ts';

const ENTRY_SIZE = 16;
const TAGS = { end: 0, needed: 1, stringTable: 5, stringTableSize: 10, path: 15, runPath: 29 } as const;
/** No library has so long a name, and no list of folders is so long. */
const LONGEST_TEXT = 4096;

/** What stands in a file; all empty or undefined for one that needs nothing. */
export interface ElfDependencies {
  /** Absolute path of the loader; undefined for a library and for a program that needs none. */
  readonly interpreter: string | undefined;
  /** Names of libraries, mostly without a folder. */
  readonly needed: readonly string[];
  /** Folders that are searched first; may begin with `$ORIGIN`. */
  readonly searchFolders: readonly string[];
}

/** @throws E_FORMAT when a table lies outside the file */
export function readElfDependencies(elf: ElfFile): ElfDependencies {
  const interpreter = elf.programHeaders.find(({ type }) => type === SEGMENT_TYPES.interpreter);
  const dynamic = elf.programHeaders.find(({ type }) => type === SEGMENT_TYPES.dynamic);
  const entries = dynamic === undefined ? [] : readEntries(segmentBytes(elf, dynamic));
  const strings = stringTable(elf, entries);
  const textsOf = (...tags: readonly number[]) =>
    entries.filter(({ tag }) => tags.includes(tag)).map(({ value }) => textAt(strings, Number(value)));
  return {
    interpreter: interpreter === undefined ? undefined : textAt(segmentBytes(elf, interpreter), 0),
    needed: textsOf(TAGS.needed),
    searchFolders: textsOf(TAGS.path, TAGS.runPath).flatMap((list) => list.split(':')),
  };
}

interface DynamicEntry {
  readonly tag: number;
  readonly value: bigint;
}

function readEntries(bytes: Uint8Array): DynamicEntry[] {
  const reader = new ByteReader(bytes, 'ELF dynamic section');
  const entries: DynamicEntry[] = [];
  for (let at = 0; at + ENTRY_SIZE <= bytes.length; at += ENTRY_SIZE) {
    // Tags above 32 bits are nobody's.
    const tag = Number(reader.u64(at, 'd_tag') & 0xffff_ffffn);
    if (tag === TAGS.end) break;
    entries.push({ tag, value: reader.u64(at + 8, 'd_un') });
  }
  return entries;
}

/** DT_STRTAB is an address in memory; the segment that is loaded there has it. */
function stringTable(elf: ElfFile, entries: readonly DynamicEntry[]): Uint8Array {
  const address = entries.find(({ tag }) => tag === TAGS.stringTable)?.value;
  const size = entries.find(({ tag }) => tag === TAGS.stringTableSize)?.value;
  if (address === undefined || size === undefined) return new Uint8Array(0);
  const reader = new ByteReader(elf.bytes, 'ELF');
  const load = elf.programHeaders.find(
    ({ type, virtualAddress, fileSize }) =>
      type === SEGMENT_TYPES.load && address >= virtualAddress && address < virtualAddress + fileSize,
  );
  if (load === undefined) return reader.fail('DT_STRTAB', address, 'is in no segment');
  const start = Number(address - load.virtualAddress);
  const bytes = segmentBytes(elf, load);
  return new ByteReader(bytes, 'ELF').slice(start, Number(size), 'DT_STRTAB');
}

function textAt(table: Uint8Array, offset: number): string {
  const text = Buffer.from(table.subarray(offset, offset + LONGEST_TEXT));
  const end = text.indexOf(0);
  return text.toString('utf8', 0, end === -1 ? text.length : end);
}
