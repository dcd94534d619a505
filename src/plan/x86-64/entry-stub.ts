/**
 * The first instructions after the jump, for x86-64.
 *
 * relocate_kernel_64.S hands over in long mode, with paging on and all memory mapped one to one, interrupts
 * off, every general register zero and a GDT of limit 0. A 64-bit Linux entry wants `rsi` = boot_params
 * (Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"). That document also asks for the selectors
 * __BOOT_CS 0x10 and __BOOT_DS 0x18 in a loaded GDT. Kernels since 6.1 load their own GDT before they use a
 * selector, so the short stub suffices for them; older ones may rely on the promise. The GDT costs 154 bytes
 * and keeps it, so that is the stub plans use.
 *
 * khop checks no digest here, unlike a purgatory: the segments lie in memory that the running kernel keeps
 * to itself, and a digest over them costs seconds, minutes where caches are off.
 * @module
 */
import { KhopError } from '../../error.ts';

/** Bytes of the stub without a GDT. */
export const SHORT_STUB_SIZE = 22;

/** Bytes of the stub with a GDT: code, table, table register, stack. */
export const ENTRY_STUB_SIZE = 0xb0;

/** Where the stub jumps and what it hands over; all physical. */
export interface StubTarget {
  /** The kernel's 64-bit entry. */
  readonly entry: bigint;
  readonly bootParams: bigint;
}

const GDT_OFFSET = 0x40;
const GDT_REGISTER_OFFSET = 0x60;

/** Flat segments, arch/x86/include/asm/segment.h: null, null, __BOOT_CS (64-bit, 9a), __BOOT_DS (92). */
const GDT = [0n, 0n, 0x00af_9a00_0000_ffffn, 0x00cf_9200_0000_ffffn];

/** The code of `entryStub`; the two imm64 and the table register's base are filled in. */
const CODE = [
  ...[0x0f, 0x01, 0x15, 0x59, 0x00, 0x00, 0x00], // 00 lgdt [rip+0x59]       the register at 0x60
  ...[0x48, 0x8d, 0x25, 0xa2, 0x00, 0x00, 0x00], // 07 lea  rsp, [rip+0xa2]  the stack's top at 0xb0
  ...[0x48, 0x8d, 0x05, 0x05, 0x00, 0x00, 0x00], // 0e lea  rax, [rip+5]     the instruction at 0x1a
  ...[0x6a, 0x10], // ............................. 15 push 0x10             __BOOT_CS
  0x50, // ......................................... 17 push rax
  ...[0x48, 0xcb], // ............................. 18 retfq                 load cs
  ...[0xb8, 0x18, 0x00, 0x00, 0x00], // ........... 1a mov  eax, 0x18        __BOOT_DS
  ...[0x8e, 0xd8], // ............................. 1f mov  ds, eax
  ...[0x8e, 0xc0], // ............................. 21 mov  es, eax
  ...[0x8e, 0xd0], // ............................. 23 mov  ss, eax
] as const;

function checkAddress(name: string, address: bigint): void {
  if (address < 0n || address >= 1n << 52n)
    throw new KhopError('E_PLAN', `the ${name} address 0x${address.toString(16)} is no physical address`, {
      hint: 'The kernel image is damaged, or the memory map is; fetch the image again.',
    });
}

/** `mov rsi, bootParams; mov rax, entry; jmp rax`: 22 bytes at `offset`. */
function writeJump(view: DataView, offset: number, target: StubTarget): void {
  checkAddress('entry', target.entry);
  checkAddress('boot_params', target.bootParams);
  view.setUint16(offset, 0x48be); // mov rsi, imm64
  view.setBigUint64(offset + 2, target.bootParams, true);
  view.setUint16(offset + 10, 0x48b8); // mov rax, imm64
  view.setBigUint64(offset + 12, target.entry, true);
  view.setUint16(offset + 20, 0xffe0); // jmp rax
}

/** The 22-byte stub: registers and a jump, nothing else. */
export function shortEntryStub(target: StubTarget): Uint8Array {
  const bytes = new Uint8Array(SHORT_STUB_SIZE);
  writeJump(new DataView(bytes.buffer), 0, target);
  return bytes;
}

/**
 * The stub that first loads a GDT, code and data selectors and a stack of 64 bytes.
 * @param address where the stub itself will lie, physical: the entry point of the plan
 */
export function entryStub(address: bigint, target: StubTarget): Uint8Array {
  checkAddress('stub', address);
  const bytes = new Uint8Array(ENTRY_STUB_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(CODE, 0);
  writeJump(view, CODE.length, target);
  GDT.forEach((descriptor, index) => {
    view.setBigUint64(GDT_OFFSET + 8 * index, descriptor, true);
  });
  view.setUint16(GDT_REGISTER_OFFSET, GDT.length * 8 - 1, true);
  view.setBigUint64(GDT_REGISTER_OFFSET + 2, address + BigInt(GDT_OFFSET), true);
  return bytes;
}
