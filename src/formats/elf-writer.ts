/**
 * Writes the headers of ELF files: the reader, and what the structures are called, is elf.ts.
 * @module
 */
import { ELF_HEADER_SIZE, ELF_MAGIC, PROGRAM_HEADER_SIZE, type ProgramHeader } from './elf.ts';

/** A file header and its program headers, which stand right behind it. There are no sections. */
export interface ElfHeaders {
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly programHeaders: readonly ProgramHeader[];
}

/** For 64-bit little-endian files with less than PN_XNUM program headers. */
export function encodeElfHeaders({ type, machine, entry, programHeaders }: ElfHeaders): Uint8Array {
  const bytes = new Uint8Array(ELF_HEADER_SIZE + programHeaders.length * PROGRAM_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(ELF_MAGIC);
  bytes.set([2, 1, 1], 4); // ELFCLASS64, ELFDATA2LSB, EV_CURRENT
  view.setUint16(0x10, type, true);
  view.setUint16(0x12, machine, true);
  view.setUint32(0x14, 1, true); // e_version
  view.setBigUint64(0x18, entry, true);
  view.setBigUint64(0x20, BigInt(ELF_HEADER_SIZE), true); // e_phoff
  view.setUint16(0x34, ELF_HEADER_SIZE, true); // e_ehsize
  view.setUint16(0x36, PROGRAM_HEADER_SIZE, true); // e_phentsize
  view.setUint16(0x38, programHeaders.length, true); // e_phnum
  for (const [index, row] of programHeaders.entries())
    writeProgramHeader(view, ELF_HEADER_SIZE + index * PROGRAM_HEADER_SIZE, row);
  return bytes;
}

function writeProgramHeader(view: DataView, at: number, row: ProgramHeader): void {
  view.setUint32(at, row.type, true);
  view.setUint32(at + 4, row.flags, true);
  view.setBigUint64(at + 8, row.offset, true);
  view.setBigUint64(at + 16, row.virtualAddress, true);
  view.setBigUint64(at + 24, row.physicalAddress, true);
  view.setBigUint64(at + 32, row.fileSize, true);
  view.setBigUint64(at + 40, row.memorySize, true);
  view.setBigUint64(at + 48, row.alignment, true);
}
