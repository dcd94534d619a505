/**
 * The ELF file of a static program: headers, code and constants in one segment, memory to write to in another.
 * Specification: System V ABI gABI 4.2, chapter 5 "Program Loading".
 * @module
 */
import {
  ELF_HEADER_SIZE,
  ELF_TYPES,
  PROGRAM_HEADER_SIZE,
  type ProgramHeader,
  SEGMENT_FLAGS,
  SEGMENT_TYPES,
} from '../elf.ts';
import { encodeElfHeaders } from '../elf-writer.ts';
import { joinBytes } from '../join-bytes.ts';
import { refuse } from './refusal.ts';

/** p_align: the largest page an arm64 kernel may have. */
const PAGE = 0x1_0000n;
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

/**
 * An ET_EXEC for Linux. No segment can be both written and executed, the stack neither.
 * @throws E_INTERNAL when code and constants reach into the memory to write to
 */
export function encodeExecutable({ machine, image, entry, zeroedSize }: Executable): Uint8Array {
  if (IMAGE_ADDRESS + BigInt(image.length) > WRITABLE_BASE)
    refuse(`${image.length} bytes of code and constants are too many`);
  const { read, write, execute } = SEGMENT_FLAGS;
  const headers = encodeElfHeaders({
    type: ELF_TYPES.executable,
    machine,
    entry,
    programHeaders: [
      segment(SEGMENT_TYPES.load, read | execute, {
        virtualAddress: READ_ONLY_BASE,
        fileSize: BigInt(IMAGE_OFFSET + image.length),
        memorySize: BigInt(IMAGE_OFFSET + image.length),
        alignment: PAGE,
      }),
      segment(SEGMENT_TYPES.load, read | write, {
        offset: BigInt(WRITABLE_OFFSET),
        virtualAddress: WRITABLE_BASE + BigInt(WRITABLE_OFFSET),
        fileSize: BigInt(WRITABLE.length),
        memorySize: BigInt(WRITABLE.length + zeroedSize),
        alignment: PAGE,
      }),
      segment(SEGMENT_TYPES.gnuStack, read | write, { alignment: 16n }),
    ],
  });
  const padding = new Uint8Array(WRITABLE_OFFSET - headers.length);
  return joinBytes([headers, padding, WRITABLE, image]);
}

/** A program header; what is not given is 0, and the physical address, which Linux does not ask for, the virtual one. */
function segment(
  type: number,
  flags: number,
  fields: Partial<ProgramHeader> & Pick<ProgramHeader, 'alignment'>,
): ProgramHeader {
  const virtualAddress = fields.virtualAddress ?? 0n;
  return {
    type,
    flags,
    offset: 0n,
    virtualAddress,
    physicalAddress: virtualAddress,
    fileSize: 0n,
    memorySize: 0n,
    ...fields,
  };
}

function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
