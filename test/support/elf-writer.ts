/**
 * Writes 64-bit little-endian ELF files from declared segments and sections.
 * @module
 */

/** A program header and its bytes. */
export interface ElfSegmentSpec {
  /** Default PT_LOAD. */
  readonly type?: number;
  /** Default read, write and execute. */
  readonly flags?: number;
  readonly virtualAddress?: bigint;
  readonly physicalAddress?: bigint;
  /** Default the number of bytes. */
  readonly memorySize?: bigint;
  readonly alignment?: bigint;
  readonly bytes: Uint8Array;
}

/** A section; the one of names is added by the writer. */
export interface ElfSectionSpec {
  readonly name: string;
  /** Default SHT_PROGBITS. */
  readonly type?: number;
  readonly address?: bigint;
  readonly bytes: Uint8Array;
}

/** A file. */
export interface ElfSpec {
  /** Default ET_EXEC. */
  readonly type?: number;
  /** Default x86-64. */
  readonly machine?: number;
  readonly entry?: bigint;
  readonly segments?: readonly ElfSegmentSpec[];
  readonly sections?: readonly ElfSectionSpec[];
  /** Writes the number of program headers where PN_XNUM puts it; makes a section table if there is none. */
  readonly usePnXnum?: boolean;
}

const HEADER = 64;
const PROGRAM_HEADER = 56;
const SECTION_HEADER = 64;

/** The file: header, program headers, segments, sections, section headers. */
export function buildElf(spec: ElfSpec): Uint8Array {
  const segments = spec.segments ?? [];
  const sections = spec.usePnXnum || (spec.sections?.length ?? 0) > 0 ? withNames(spec.sections ?? []) : [];
  const segmentsStart = HEADER + segments.length * PROGRAM_HEADER;
  const bodies = [...segments, ...sections].map((part) => part.bytes);
  const offsets = bodies.map((_body, index) =>
    bodies.slice(0, index).reduce((sum, body) => sum + body.length, segmentsStart),
  );
  const bodiesEnd = bodies.reduce((sum, body) => sum + body.length, segmentsStart);
  const bytes = new Uint8Array(bodiesEnd + sections.length * SECTION_HEADER);
  const view = new DataView(bytes.buffer);
  writeHeader(bytes, view, spec, { sectionsStart: bodiesEnd, sectionCount: sections.length });
  for (const [index, segment] of segments.entries())
    writeProgramHeader(view, index, segment, offsets[index]!);
  for (const [index, body] of bodies.entries()) bytes.set(body, offsets[index]!);
  let name = 0;
  sections.forEach((section, index) => {
    const at = bodiesEnd + index * SECTION_HEADER;
    writeSectionHeader(view, at, section, name, offsets[segments.length + index]!);
    name += section.name.length + 1;
  });
  if (spec.usePnXnum) view.setUint32(bodiesEnd + 0x2c, segments.length, true);
  return bytes;
}

function withNames(sections: readonly ElfSectionSpec[]): ElfSectionSpec[] {
  const all = [{ name: '', type: 0, bytes: new Uint8Array(0) }, ...sections];
  const text = `${[...all.map((section) => section.name), '.shstrtab'].join('\0')}\0`;
  return [...all, { name: '.shstrtab', type: 3, bytes: Buffer.from(text, 'latin1') }];
}

function writeHeader(
  bytes: Uint8Array,
  view: DataView,
  spec: ElfSpec,
  sections: { readonly sectionsStart: number; readonly sectionCount: number },
): void {
  const segmentCount = spec.segments?.length ?? 0;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(0x10, spec.type ?? 2, true);
  view.setUint16(0x12, spec.machine ?? 62, true);
  view.setUint32(0x14, 1, true);
  view.setBigUint64(0x18, spec.entry ?? 0n, true);
  view.setBigUint64(0x20, BigInt(HEADER), true);
  view.setUint16(0x34, HEADER, true);
  view.setUint16(0x36, PROGRAM_HEADER, true);
  view.setUint16(0x38, spec.usePnXnum ? 0xffff : segmentCount, true);
  view.setUint16(0x3a, SECTION_HEADER, true);
  if (sections.sectionCount === 0) return;
  view.setBigUint64(0x28, BigInt(sections.sectionsStart), true);
  view.setUint16(0x3c, sections.sectionCount, true);
  view.setUint16(0x3e, sections.sectionCount - 1, true);
}

function writeProgramHeader(view: DataView, index: number, segment: ElfSegmentSpec, offset: number): void {
  const at = HEADER + index * PROGRAM_HEADER;
  const fileSize = BigInt(segment.bytes.length);
  view.setUint32(at, segment.type ?? 1, true);
  view.setUint32(at + 4, segment.flags ?? 7, true);
  view.setBigUint64(at + 8, BigInt(offset), true);
  view.setBigUint64(at + 16, segment.virtualAddress ?? 0n, true);
  view.setBigUint64(at + 24, segment.physicalAddress ?? 0n, true);
  view.setBigUint64(at + 32, fileSize, true);
  view.setBigUint64(at + 40, segment.memorySize ?? fileSize, true);
  view.setBigUint64(at + 48, segment.alignment ?? 1n, true);
}

function writeSectionHeader(
  view: DataView,
  at: number,
  section: ElfSectionSpec,
  name: number,
  offset: number,
): void {
  view.setUint32(at, name, true);
  view.setUint32(at + 4, section.type ?? 1, true);
  view.setBigUint64(at + 16, section.address ?? 0n, true);
  view.setBigUint64(at + 24, section.type === 0 ? 0n : BigInt(offset), true);
  view.setBigUint64(at + 32, BigInt(section.bytes.length), true);
  view.setBigUint64(at + 48, 1n, true);
}
