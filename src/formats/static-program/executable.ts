/**
 * The ELF file of a static program: headers, code and constants in one segment, memory to write to in another.
 * Specification: System V ABI gABI 4.2, chapter 5 "Program Loading".
 * @module
 */
import {
  ELF_HEADER_SIZE,
  ELF_MAGIC,
  ELF_TYPES,
  PROGRAM_HEADER_SIZE,
  SEGMENT_FLAGS,
  SEGMENT_TYPES,
} from '../elf.ts';
import { joinBytes } from '../join-bytes.ts';

/** p_align: the largest page an arm64 kernel may have. */
const PAGE = 0x1_0000;
const PROGRAM_HEADERS = 3;
/** A segment without a byte in the file is legal, but rare enough that loaders were wrong about it. */
const WRITABLE = new Uint8Array(16);

const WRITABLE_OFFSET = alignUp(ELF_HEADER_SIZE + PROGRAM_HEADERS * PROGRAM_HEADER_SIZE, WRITABLE.length);
const IMAGE_OFFSET = WRITABLE_OFFSET + WRITABLE.length;
const READ_ONLY_BASE = 0x40_0000n;
/** 252 MiB behind the other: addresses of data must not depend on how much code there is. */
const WRITABLE_BASE = 0x1000_0000n;

/** Address of the first byte of `image`. */
export const IMAGE_ADDRESS = READ_ONLY_BASE + BigInt(IMAGE_OFFSET);
/** Address of the first zeroed byte. */
export const ZEROED_ADDRESS = WRITABLE_BASE + BigInt(IMAGE_OFFSET);

/** What an executable is made of. */
export interface Executable {
  /** e_machine. */
  readonly machine: number;
  /** Constants and code; will be at IMAGE_ADDRESS. */
  readonly image: Uint8Array;
  readonly entry: bigint;
  /** Bytes; will be at ZEROED_ADDRESS. */
  readonly zeroedSize: number;
}

/** An ET_EXEC for Linux. No segment can be both written and executed, the stack neither. */
export function encodeExecutable({ machine, image, entry, zeroedSize }: Executable): Uint8Array {
  const size = IMAGE_OFFSET + image.length;
  const header = new Uint8Array(WRITABLE_OFFSET);
  const view = new DataView(header.buffer);
  header.set(ELF_MAGIC);
  header.set([2, 1, 1], 4); // 64-bit, little-endian, EV_CURRENT
  view.setUint16(0x10, ELF_TYPES.executable, true);
  view.setUint16(0x12, machine, true);
  view.setUint32(0x14, 1, true); // e_version
  view.setBigUint64(0x18, entry, true);
  view.setBigUint64(0x20, BigInt(ELF_HEADER_SIZE), true); // e_phoff
  view.setUint16(0x34, ELF_HEADER_SIZE, true);
  view.setUint16(0x36, PROGRAM_HEADER_SIZE, true);
  view.setUint16(0x38, PROGRAM_HEADERS, true);
  writeProgramHeader(view, 0, {
    type: SEGMENT_TYPES.load,
    flags: SEGMENT_FLAGS.read | SEGMENT_FLAGS.execute,
    offset: 0,
    address: READ_ONLY_BASE,
    fileSize: size,
    memorySize: size,
    alignment: PAGE,
  });
  writeProgramHeader(view, 1, {
    type: SEGMENT_TYPES.load,
    flags: SEGMENT_FLAGS.read | SEGMENT_FLAGS.write,
    offset: WRITABLE_OFFSET,
    address: WRITABLE_BASE + BigInt(WRITABLE_OFFSET),
    fileSize: WRITABLE.length,
    memorySize: WRITABLE.length + zeroedSize,
    alignment: PAGE,
  });
  writeProgramHeader(view, 2, {
    type: SEGMENT_TYPES.gnuStack,
    flags: SEGMENT_FLAGS.read | SEGMENT_FLAGS.write,
    offset: 0,
    address: 0n,
    fileSize: 0,
    memorySize: 0,
    alignment: 16,
  });
  return joinBytes([header, WRITABLE, image]);
}

/** Elf64_Phdr; physical addresses mean nothing to a program. */
interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

function writeProgramHeader(view: DataView, index: number, segment: Segment): void {
  const at = ELF_HEADER_SIZE + index * PROGRAM_HEADER_SIZE;
  view.setUint32(at, segment.type, true);
  view.setUint32(at + 4, segment.flags, true);
  view.setBigUint64(at + 8, BigInt(segment.offset), true);
  view.setBigUint64(at + 16, segment.address, true);
  view.setBigUint64(at + 24, segment.address, true);
  view.setBigUint64(at + 32, BigInt(segment.fileSize), true);
  view.setBigUint64(at + 40, BigInt(segment.memorySize), true);
  view.setBigUint64(at + 48, BigInt(segment.alignment), true);
}

function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
