/**
 * The notes of a dump, read one at a time: between those of the CPUs there may be dumps that drivers made of their
 * devices (NT_VMCOREDD), of hundreds of megabytes.
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import type { ByteSource } from '../byte-source.ts';
import { type ElfNote, readElfNotes } from '../elf-notes.ts';
import type { FilePart } from './kdump-header.ts';

const HEADER_SIZE = 12;
/** VMCOREINFO has at most a page, of 64 KiB at most, and a CPU's registers less than 1 KiB. */
const LARGEST_NOTE = 128 * 1024;
/** More CPUs than Linux has, with a few notes each. */
const NOTES_LIMIT = 65_536;
/** Bytes of all that are kept: for 8192 CPUs QEMU writes less than half of it. */
const KEPT_LIMIT = 16 * 1024 * 1024;

/** What was found. */
export interface DumpNotes {
  readonly notes: readonly ElfNote[];
  /** Why some are missing. */
  readonly problem: string | undefined;
}

/** The notes of all `parts` of the file; larger ones than VMCOREINFO can be are passed over. */
export function readDumpNotes(source: ByteSource, parts: readonly FilePart[]): DumpNotes {
  // Parts may overlap, so the limits are for all of them.
  const found: FoundNotes = { notes: [], passed: 0, kept: 0 };
  let problem: string | undefined;
  for (const part of parts) {
    const why = readPart(source, part, found);
    problem ??= why;
  }
  return { notes: found.notes, problem };
}

interface FoundNotes {
  readonly notes: ElfNote[];
  passed: number;
  /** Bytes. */
  kept: number;
}

/** @returns why some are missing */
function readPart(source: ByteSource, part: FilePart, found: FoundNotes): string | undefined {
  const end = part.offset + part.size;
  const cut = (at: number) => `the notes are cut off or damaged at byte ${at}`;
  for (let at = part.offset; at + HEADER_SIZE <= end; ) {
    if (found.passed++ >= NOTES_LIMIT) return `there are more notes than ${NOTES_LIMIT}: see byte ${at}`;
    const bytes = source.read(at, HEADER_SIZE);
    if (bytes.length < HEADER_SIZE) return cut(at);
    const header = new ByteReader(bytes, 'notes');
    const [nameSize, descriptionSize] = [header.u32(0, 'n_namesz'), header.u32(4, 'n_descsz')];
    if (nameSize === 0 && descriptionSize === 0 && header.u32(8, 'n_type') === 0) break;
    const length = HEADER_SIZE + padded(nameSize) + padded(descriptionSize);
    if (at + HEADER_SIZE + padded(nameSize) + descriptionSize > end) return cut(at);
    if (length <= LARGEST_NOTE) {
      found.kept += length;
      if (found.kept > KEPT_LIMIT) return `the notes are larger than ${KEPT_LIMIT} bytes: see byte ${at}`;
      // A copy: what a source gives may be a part of a block that it keeps.
      const whole = Uint8Array.from(source.read(at, Math.min(length, end - at)));
      if (whole.length < HEADER_SIZE + padded(nameSize) + descriptionSize) return cut(at);
      found.notes.push(...readElfNotes(whole));
    }
    at += length;
  }
  return undefined;
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}
