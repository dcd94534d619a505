/**
 * A program without libraries for x86-64 Linux: an ELF file with one segment.
 * System V ABI, "ELF Header" and "Program Header".
 * @module
 */

/** Where the file lies in memory. */
const BASE = 0x40_0000;
const HEADER = 64;
const PROGRAM_HEADER = 56;
const PAGE = 0x1000;

/** A page of zeros that the program may write to, behind the page with its code. */
export const SCRATCH = BASE + PAGE;

/** @param code at most a page with the headers; starts at its first byte, with a stack and zeroed registers */
export function encodeStaticProgram(code: Uint8Array): Uint8Array {
  const start = HEADER + PROGRAM_HEADER;
  const bytes = new Uint8Array(start + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64-bit, little-endian, EV_CURRENT
  view.setUint16(0x10, 2, true); // e_type ET_EXEC
  view.setUint16(0x12, 62, true); // e_machine EM_X86_64
  view.setUint32(0x14, 1, true); // e_version
  view.setBigUint64(0x18, BigInt(BASE + start), true); // e_entry
  view.setBigUint64(0x20, BigInt(HEADER), true); // e_phoff
  view.setUint16(0x34, HEADER, true); // e_ehsize
  view.setUint16(0x36, PROGRAM_HEADER, true); // e_phentsize
  view.setUint16(0x38, 1, true); // e_phnum
  view.setUint32(HEADER, 1, true); // p_type PT_LOAD
  view.setUint32(HEADER + 0x04, 7, true); // p_flags: read, write, execute
  view.setBigUint64(HEADER + 0x10, BigInt(BASE), true); // p_vaddr
  view.setBigUint64(HEADER + 0x18, BigInt(BASE), true); // p_paddr
  view.setBigUint64(HEADER + 0x20, BigInt(bytes.length), true); // p_filesz
  view.setBigUint64(HEADER + 0x28, BigInt(2 * PAGE), true); // p_memsz
  view.setBigUint64(HEADER + 0x30, BigInt(PAGE), true); // p_align
  bytes.set(code, start);
  return bytes;
}
