/**
 * Portable Executable: what EFI runs. Microsoft PE/COFF specification, section numbers in comments.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** One row of the section table, 4. */
export interface PeSection {
  readonly name: string;
  /** Bytes that mean something: VirtualSize, which SizeOfRawData only pads. A view of the input. */
  readonly bytes: Uint8Array;
}

/** What khop reads of an image. */
export interface PeImage {
  /** COFF Machine, 3.3.1: 0x8664 x86-64, 0xaa64 arm64. */
  readonly machine: number;
  readonly sections: readonly PeSection[];
  /** The attribute certificate table, 5.7; empty when the image is not signed. */
  readonly certificates: Uint8Array;
}

const SECTION_LIMIT = 96;
const CERTIFICATE_DIRECTORY = 4;

/** Whether there is an MZ header whose e_lfanew leads to `PE\0\0`. */
export function isPe(bytes: Uint8Array): boolean {
  if (bytes.length < 0x40 || bytes[0] !== 0x4d || bytes[1] !== 0x5a) return false;
  const reader = new ByteReader(bytes, 'PE');
  const offset = reader.u32(0x3c, 'e_lfanew');
  return offset + 24 <= bytes.length && reader.u32(offset, 'signature') === 0x0000_4550;
}

/** @throws E_FORMAT */
export function parsePe(bytes: Uint8Array): PeImage {
  const reader = new ByteReader(bytes, 'PE');
  if (!isPe(bytes)) reader.fail('signature', 0, 'there is no MZ header that leads to a PE signature');
  const coff = reader.u32(0x3c, 'e_lfanew') + 4;
  const sectionCount = reader.u16(coff + 2, 'NumberOfSections');
  if (sectionCount > SECTION_LIMIT) reader.fail('NumberOfSections', coff + 2, `${sectionCount} is absurd`);
  const optional = coff + 20;
  const table = optional + reader.u16(coff + 16, 'SizeOfOptionalHeader');
  const sections = Array.from({ length: sectionCount }, (_none, index) =>
    readSection(reader, table + index * 40),
  );
  return {
    machine: reader.u16(coff, 'Machine'),
    sections,
    certificates: readCertificates(reader, optional, table),
  };
}

function readSection(reader: ByteReader, at: number): PeSection {
  const name = reader.text(at, 8, 'Name');
  const virtualSize = reader.u32(at + 8, 'VirtualSize');
  const rawSize = reader.u32(at + 16, 'SizeOfRawData');
  const offset = reader.u32(at + 20, 'PointerToRawData');
  const size = virtualSize === 0 ? rawSize : Math.min(virtualSize, rawSize);
  return { name, bytes: reader.slice(offset, size, `section ${name}`) };
}

/** Data directory 4; its address is a file offset, unlike all others. */
function readCertificates(reader: ByteReader, optional: number, end: number): Uint8Array {
  const isPlus = reader.u16(optional, 'Magic') === 0x20b;
  const directories = optional + (isPlus ? 112 : 96);
  const entry = directories + CERTIFICATE_DIRECTORY * 8;
  if (entry + 8 > end || reader.u32(directories - 4, 'NumberOfRvaAndSizes') <= CERTIFICATE_DIRECTORY)
    return new Uint8Array(0);
  const offset = reader.u32(entry, 'certificate table');
  const size = reader.u32(entry + 4, 'certificate table size');
  return size === 0 ? new Uint8Array(0) : reader.slice(offset, size, 'certificate table');
}
