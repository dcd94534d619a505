/**
 * Portable Executable: what EFI runs. Every kernel with an EFI stub is one.
 * Specification: Microsoft PE/COFF; section numbers and field names below are its own.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** COFF Machine, 3.3.1. */
export const PE_MACHINES = { x86_64: 0x8664, arm64: 0xaa64 } as const;
/** Windows Subsystem, 3.4.2. */
export const SUBSYSTEM_EFI_APPLICATION = 10;

/** One row of the section table, 4. */
export interface PeSection {
  readonly name: string;
  /** Bytes that mean something: VirtualSize, which SizeOfRawData only pads. A view of the input. */
  readonly bytes: Uint8Array;
  /** Bytes in memory; more than `bytes` when the rest is zero. */
  readonly virtualSize: number;
  /** All bytes in the file, padding included. */
  readonly raw: PeRange;
}

/** A part of the file. */
export interface PeRange {
  readonly offset: number;
  readonly size: number;
}

/** Where the fields are that a signature leaves out; `authenticode-digest.ts` needs them. */
export interface PeLayout {
  readonly checksumOffset: number;
  /** Offset of data directory 4; undefined when the image has no room for one. */
  readonly certificateDirectoryOffset: number | undefined;
  /** SizeOfHeaders. */
  readonly headersSize: number;
  /** The attribute certificate table; `size` 0 when there is none. */
  readonly certificateTable: PeRange;
}

/** What khop reads of an image. */
export interface PeImage {
  readonly machine: number;
  readonly subsystem: number;
  /** In the order of the table, which has a meaning in unified kernel images. */
  readonly sections: readonly PeSection[];
  /** The attribute certificate table, 5.7; empty when the image is not signed. */
  readonly certificates: Uint8Array;
  readonly layout: PeLayout;
}

const COFF_HEADER_SIZE = 20;
const SECTION_HEADER_SIZE = 40;
const PE32_PLUS = 0x20b;
const PE32 = 0x10b;
const CERTIFICATE_DIRECTORY = 4;

/** Whether there is an MZ header whose e_lfanew leads to `PE\0\0`. */
export function isPe(bytes: Uint8Array): boolean {
  if (bytes.length < 0x40 || bytes[0] !== 0x4d || bytes[1] !== 0x5a) return false;
  const reader = new ByteReader(bytes, 'PE');
  const offset = reader.u32(0x3c, 'e_lfanew');
  return offset + 24 <= bytes.length && reader.u32(offset, 'signature') === 0x0000_4550;
}

/** @throws E_FORMAT, also when a section or the certificate table lies outside the file */
export function parsePe(bytes: Uint8Array): PeImage {
  const reader = new ByteReader(bytes, 'PE');
  if (!isPe(bytes)) reader.fail('signature', 0, 'there is no MZ header that leads to a PE signature');
  const coff = reader.u32(0x3c, 'e_lfanew') + 4;
  const sectionCount = reader.u16(coff + 2, 'NumberOfSections');
  const optional = coff + COFF_HEADER_SIZE;
  const table = optional + reader.u16(coff + 16, 'SizeOfOptionalHeader');
  reader.slice(table, sectionCount * SECTION_HEADER_SIZE, 'section table');
  const layout = readLayout(reader, optional, table);
  return {
    machine: reader.u16(coff, 'Machine'),
    subsystem: reader.u16(optional + 68, 'Subsystem'),
    sections: Array.from({ length: sectionCount }, (_none, index) =>
      readSection(reader, table + index * SECTION_HEADER_SIZE),
    ),
    certificates: reader.slice(
      layout.certificateTable.offset,
      layout.certificateTable.size,
      'certificate table',
    ),
    layout,
  };
}

function readSection(reader: ByteReader, at: number): PeSection {
  const name = reader.text(at, 8, 'Name');
  const virtualSize = reader.u32(at + 8, 'VirtualSize');
  const size = reader.u32(at + 16, 'SizeOfRawData');
  // PointerToRawData means nothing for a section without bytes (.bss).
  const offset = size === 0 ? 0 : reader.u32(at + 20, 'PointerToRawData');
  const used = virtualSize === 0 ? size : Math.min(virtualSize, size);
  return {
    name,
    bytes: reader.slice(offset, used, `section ${name}`),
    virtualSize: virtualSize || size,
    raw: { offset, size },
  };
}

/** The optional header, 3.4. Data directory 4 holds a file offset, unlike all others, 3.4.3. */
function readLayout(reader: ByteReader, optional: number, end: number): PeLayout {
  const magic = reader.u16(optional, 'Magic');
  if (magic !== PE32_PLUS && magic !== PE32)
    reader.fail('Magic', optional, `0x${magic.toString(16)} is neither PE32 nor PE32+`);
  const directories = optional + (magic === PE32_PLUS ? 112 : 96);
  const count = reader.u32(directories - 4, 'NumberOfRvaAndSizes');
  const entry = directories + CERTIFICATE_DIRECTORY * 8;
  const hasEntry = count > CERTIFICATE_DIRECTORY && entry + 8 <= end;
  const size = hasEntry ? reader.u32(entry + 4, 'certificate table size') : 0;
  return {
    checksumOffset: optional + 64,
    certificateDirectoryOffset: hasEntry ? entry : undefined,
    headersSize: reader.u32(optional + 60, 'SizeOfHeaders'),
    certificateTable: { offset: size === 0 ? 0 : reader.u32(entry, 'certificate table'), size },
  };
}
