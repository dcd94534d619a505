/**
 * ELF notes: registers and VMCOREINFO in dumps, build ids in kernels and modules.
 * Specification: System V ABI gABI 4.2, chapter 5, "Note Section"; the alignment of 8: Linux ABI extensions.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { printableText } from './printable-text.ts';

const HEADER_SIZE = 12;

/** One note. */
export interface ElfNote {
  /** `CORE`, `VMCOREINFO`, `GNU`, `Linux`, ... */
  readonly name: string;
  readonly type: number;
  readonly description: Uint8Array;
}

/**
 * The notes of a PT_NOTE segment or SHT_NOTE section. A note of all zeros ends the list: crash notes of a CPU
 * that never saved any look so.
 * @param alignment p_align: 4, or 8 where the header says 8
 * @throws E_FORMAT
 */
export function readElfNotes(bytes: Uint8Array, alignment: 4 | 8 = 4): ElfNote[] {
  const reader = new ByteReader(bytes, 'ELF notes');
  const notes: ElfNote[] = [];
  let at = 0;
  while (at < bytes.length) {
    const nameSize = reader.u32(at, 'n_namesz');
    const descriptionSize = reader.u32(at + 4, 'n_descsz');
    const type = reader.u32(at + 8, 'n_type');
    if (nameSize === 0 && descriptionSize === 0 && type === 0) break;
    const name = printableText(reader.text(at + HEADER_SIZE, nameSize, 'note name'));
    const start = padded(at + HEADER_SIZE + nameSize, alignment);
    notes.push({ name, type, description: reader.slice(start, descriptionSize, 'note description') });
    at = padded(start + descriptionSize, alignment);
  }
  return notes;
}

/** Notes one behind the other, aligned to 4. */
export function encodeElfNotes(notes: readonly ElfNote[]): Uint8Array {
  const names = notes.map(({ name }) => Buffer.from(`${name}\0`, 'latin1'));
  const sizeOf = (index: number) =>
    HEADER_SIZE + padded(names[index]!.length, 4) + padded(notes[index]!.description.length, 4);
  const bytes = new Uint8Array(notes.reduce((sum, _note, index) => sum + sizeOf(index), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [index, { type, description }] of notes.entries()) {
    const name = names[index]!;
    view.setUint32(at, name.length, true);
    view.setUint32(at + 4, description.length, true);
    view.setUint32(at + 8, type, true);
    bytes.set(name, at + HEADER_SIZE);
    bytes.set(description, at + HEADER_SIZE + padded(name.length, 4));
    at += sizeOf(index);
  }
  return bytes;
}

function padded(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
