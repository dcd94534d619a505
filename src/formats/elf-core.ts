/**
 * elfcorehdr: the header a panic kernel reads to find the memory of the kernel that crashed. It holds no memory
 * itself; the offsets in it are physical addresses.
 * Reference: linux Documentation/admin-guide/kdump/kdump.rst; kernel/crash_core.c, crash_prepare_elf64_headers;
 * its reader is fs/proc/vmcore.c.
 * @module
 */
import { KhopError } from '../error.ts';
import { ByteReader } from './byte-reader.ts';
import {
  ELF_HEADER_SIZE,
  ELF_TYPES,
  PN_XNUM,
  PROGRAM_HEADER_SIZE,
  type ProgramHeader,
  parseElf,
  SEGMENT_FLAGS,
  SEGMENT_TYPES,
} from './elf.ts';
import { encodeElfHeaders } from './elf-writer.ts';

/** Where notes are: the crash_notes of one CPU, or VMCOREINFO. Physical. */
export interface CoreNotes {
  readonly address: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** One range of the crashed kernel's memory. */
export interface CoreMemory {
  readonly physicalAddress: bigint;
  readonly virtualAddress: bigint;
  /** Bytes. */
  readonly size: bigint;
  /** Physical address at which the bytes are now: another one only for memory that was copied away. */
  readonly foundAt: bigint;
}

/** An elfcorehdr as a value. */
export interface ElfCoreHeader {
  /** e_machine. */
  readonly machine: number;
  readonly notes: readonly CoreNotes[];
  readonly memory: readonly CoreMemory[];
}

/** Bytes of the header for so many notes and ranges of memory. */
export function elfCoreHeaderSize(noteCount: number, memoryCount: number): number {
  return ELF_HEADER_SIZE + (noteCount + memoryCount) * PROGRAM_HEADER_SIZE;
}

/** @throws E_UNSUPPORTED for 65535 entries or more: the kernel's reader knows no PN_XNUM */
export function encodeElfCoreHeader(header: ElfCoreHeader): Uint8Array {
  const count = header.notes.length + header.memory.length;
  if (count >= PN_XNUM)
    throw new KhopError('E_UNSUPPORTED', `elfcorehdr: ${count} entries are more than a kernel reads`, {
      hint: 'Fewer possible CPUs (possible_cpus= or nr_cpus=) make fewer entries.',
    });
  return encodeElfHeaders({
    type: ELF_TYPES.core,
    machine: header.machine,
    entry: 0n,
    programHeaders: [...header.notes.map(noteRow), ...header.memory.map(memoryRow)],
  });
}

/** @throws E_FORMAT unless the bytes are a core header of notes and memory, without sections */
export function decodeElfCoreHeader(bytes: Uint8Array): ElfCoreHeader {
  const reader = new ByteReader(bytes, 'elfcorehdr');
  const elf = parseElf(bytes);
  if (elf.type !== ELF_TYPES.core) reader.fail('e_type', 0x10, `${elf.type} is not ET_CORE`);
  const rowsOf = (type: number) => elf.programHeaders.filter((row) => row.type === type);
  const notes = rowsOf(SEGMENT_TYPES.note);
  const memory = rowsOf(SEGMENT_TYPES.load);
  if (notes.length + memory.length !== elf.programHeaders.length)
    reader.fail('p_type', ELF_HEADER_SIZE, 'there are segments that are neither notes nor memory');
  return {
    machine: elf.machine,
    notes: notes.map((row) => ({ address: row.offset, size: row.memorySize })),
    memory: memory.map((row) => ({
      physicalAddress: row.physicalAddress,
      virtualAddress: row.virtualAddress,
      size: row.memorySize,
      foundAt: row.offset,
    })),
  };
}

function noteRow({ address, size }: CoreNotes): ProgramHeader {
  return {
    type: SEGMENT_TYPES.note,
    flags: 0,
    offset: address,
    virtualAddress: 0n,
    physicalAddress: address,
    fileSize: size,
    memorySize: size,
    alignment: 0n,
  };
}

function memoryRow(range: CoreMemory): ProgramHeader {
  return {
    type: SEGMENT_TYPES.load,
    flags: SEGMENT_FLAGS.read | SEGMENT_FLAGS.write | SEGMENT_FLAGS.execute,
    offset: range.foundAt,
    virtualAddress: range.virtualAddress,
    physicalAddress: range.physicalAddress,
    fileSize: range.size,
    memorySize: range.size,
    alignment: 0n,
  };
}
