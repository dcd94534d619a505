/**
 * Builds small Portable Executables with named sections.
 * @module
 */

const HEADER_END = 0x400;
const OPTIONAL_HEADER = 0x98;
const OPTIONAL_SIZE = 240;
const CERTIFICATE_DIRECTORY = OPTIONAL_HEADER + 112 + 4 * 8;

/** One section; a name may come more than once. */
export interface PeSectionSpec {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Default the number of bytes; more for memory that is zero. */
  readonly virtualSize?: number;
}

/** What a test wants different from an x86-64 EFI application. */
export interface PeOptions {
  readonly machine?: number;
  readonly subsystem?: number;
  /** Goes to the end of the file, as the attribute certificate table. */
  readonly certificates?: Uint8Array;
}

/** A PE32+ with these sections, each padded to 512 bytes in the file. */
export function buildPe(
  sections: Readonly<Record<string, Uint8Array>> | readonly PeSectionSpec[],
  options: PeOptions = {},
): Uint8Array {
  const list = isList(sections)
    ? sections
    : Object.entries(sections).map(([name, bytes]) => ({ name, bytes }));
  const headerEnd = Math.max(HEADER_END, padded(OPTIONAL_HEADER + OPTIONAL_SIZE + list.length * 40));
  const certificates = options.certificates ?? new Uint8Array(0);
  const end = headerEnd + list.reduce((sum, section) => sum + padded(section.bytes.length), 0);
  const bytes = new Uint8Array(end + certificates.length);
  const view = new DataView(bytes.buffer);
  writeHeaders(bytes, view, list.length, headerEnd, options);
  let data = headerEnd;
  for (const [index, section] of list.entries()) {
    writeSectionHeader(bytes, view, OPTIONAL_HEADER + OPTIONAL_SIZE + index * 40, section, data);
    bytes.set(section.bytes, data);
    data += padded(section.bytes.length);
  }
  if (certificates.length > 0) {
    view.setUint32(CERTIFICATE_DIRECTORY, end, true);
    view.setUint32(CERTIFICATE_DIRECTORY + 4, certificates.length, true);
    bytes.set(certificates, end);
  }
  return bytes;
}

function isList(
  sections: Readonly<Record<string, Uint8Array>> | readonly PeSectionSpec[],
): sections is readonly PeSectionSpec[] {
  return Array.isArray(sections);
}

function padded(length: number): number {
  return Math.ceil(length / 512) * 512;
}

function writeHeaders(
  bytes: Uint8Array,
  view: DataView,
  sectionCount: number,
  headerEnd: number,
  options: PeOptions,
): void {
  bytes.set(Buffer.from('MZ'), 0);
  view.setUint32(0x3c, 0x80, true);
  bytes.set(Buffer.from('PE\0\0'), 0x80);
  view.setUint16(0x84, options.machine ?? 0x8664, true);
  view.setUint16(0x86, sectionCount, true);
  view.setUint16(0x94, OPTIONAL_SIZE, true);
  view.setUint16(OPTIONAL_HEADER, 0x20b, true);
  view.setUint32(OPTIONAL_HEADER + 60, headerEnd, true);
  view.setUint16(OPTIONAL_HEADER + 68, options.subsystem ?? 10, true);
  view.setUint32(OPTIONAL_HEADER + 108, 16, true);
}

function writeSectionHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  section: PeSectionSpec,
  data: number,
): void {
  bytes.set(Buffer.from(section.name.slice(0, 8)), at);
  view.setUint32(at + 8, section.virtualSize ?? section.bytes.length, true);
  view.setUint32(at + 16, padded(section.bytes.length), true);
  view.setUint32(at + 20, data, true);
}
