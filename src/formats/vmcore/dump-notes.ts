/**
 * The notes of a dump, read one at a time: between those of the CPUs there may be dumps that drivers made of their
 * devices (NT_VMCOREDD), of hundreds of megabytes.
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { ByteSource } from '../byte-source.ts';
import { type ElfNote, readElfNotes } from '../elf-notes.ts';

const HEADER_SIZE = 12;
/** VMCOREINFO has at most a page, of 64 KiB at most, and a CPU's registers less than 1 KiB. */
const LARGEST_NOTE = 128 * 1024;
/** More CPUs than Linux has, with a few notes each. */
const NOTES_LIMIT = 65_536;

/** What was found. */
export interface DumpNotes {
  readonly notes: readonly ElfNote[];
  /** Why some are missing. */
  readonly problem: string | undefined;
}

/** The notes from `offset` on; larger ones than VMCOREINFO can be are passed over. */
export function readDumpNotes(source: ByteSource, offset: number, size: number): DumpNotes {
  const notes: ElfNote[] = [];
  const end = offset + size;
  const cut = (at: number) => ({ notes, problem: `the notes are cut off or damaged at byte ${at}` });
  for (let at = offset; at + HEADER_SIZE <= end; ) {
    const bytes = source.read(at, HEADER_SIZE);
    if (bytes.length < HEADER_SIZE || notes.length === NOTES_LIMIT) return cut(at);
    const header = new ByteReader(bytes, 'notes');
    const [nameSize, descriptionSize] = [header.u32(0, 'n_namesz'), header.u32(4, 'n_descsz')];
    if (nameSize === 0 && descriptionSize === 0 && header.u32(8, 'n_type') === 0) break;
    const length = HEADER_SIZE + padded(nameSize) + padded(descriptionSize);
    if (at + HEADER_SIZE + padded(nameSize) + descriptionSize > end) return cut(at);
    if (length <= LARGEST_NOTE) {
      const whole = source.read(at, Math.min(length, end - at));
      if (whole.length < HEADER_SIZE + padded(nameSize) + descriptionSize) return cut(at);
      notes.push(...readElfNotes(whole));
    }
    at += length;
  }
  return { notes, problem: undefined };
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
