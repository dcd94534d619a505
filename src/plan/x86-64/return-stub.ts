/**
 * The code that takes a machine from its panic kernel home, for x86-64.
 *
 * The known-good kernel lies packed in the panic kernel's reservation, put there by the same kexec_load that
 * put the panic kernel there, so it costs the panic kernel none of its own memory and needs no disk. This stub
 * is all that the panic kernel loads to jump: it copies the parts to where they run, in the memory of the
 * kernel that died, and jumps.
 *
 * relocate_kernel_64.S maps the panic kernel's own memory and the stub, and no more; so the stub comes with
 * page tables for everything that it touches. What it jumps to is the entry of an ordinary plan, which finds
 * what that file promises: long mode, memory mapped one to one, interrupts off.
 *
 *   0x0000  code
 *   0x0080  copies: source, destination, quadwords to copy, quadwords to clear; a destination of 0 ends them
 *   0x1000  page tables
 * @module
 */
import { KhopError } from '../../error.ts';
import type { Range } from '../../formats/range.ts';
import type { ReturnCopy } from '../kept-parts.ts';
import { identityMap, identityMapSize } from './identity-map.ts';

const COPIES_OFFSET = 0x80;
const COPY_SIZE = 32;
const TABLES_OFFSET = 0x1000;
/** Of the two 64-bit operands in the code. */
const ROOT_OFFSET = 0x03;
const ENTRY_OFFSET = 0x39;

const CODE = [
  0xfc, // ........................................ 00 cld
  ...[0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0], // ..... 01 mov  rax, the page tables
  ...[0x0f, 0x22, 0xd8], // ....................... 0b mov  cr3, rax
  ...[0x4c, 0x8d, 0x05, 0x6b, 0x00, 0x00, 0x00], // 0e lea  r8, [rip+0x6b]   the copies at 0x80
  ...[0x49, 0x8b, 0x78, 0x08], // ................. 15 mov  rdi, [r8+8]
  ...[0x48, 0x85, 0xff], // ....................... 19 test rdi, rdi
  ...[0x74, 0x19], // ............................. 1c jz   0x37
  ...[0x49, 0x8b, 0x30], // ....................... 1e mov  rsi, [r8]
  ...[0x49, 0x8b, 0x48, 0x10], // ................. 21 mov  rcx, [r8+16]
  ...[0xf3, 0x48, 0xa5], // ....................... 25 rep  movsq
  ...[0x31, 0xc0], // ............................. 28 xor  eax, eax
  ...[0x49, 0x8b, 0x48, 0x18], // ................. 2a mov  rcx, [r8+24]
  ...[0xf3, 0x48, 0xab], // ....................... 2e rep  stosq
  ...[0x49, 0x83, 0xc0, 0x20], // ................. 31 add  r8, 32
  ...[0xeb, 0xde], // ............................. 35 jmp  0x15
  ...[0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0], // ..... 37 mov  rax, the entry
  ...[0xff, 0xe0], // ............................. 41 jmp  rax
] as const;

/** What the stub does. */
export interface ReturnOrder {
  readonly copies: readonly ReturnCopy[];
  /** Physical, the entry of the plan that the parts belong to. */
  readonly entry: bigint;
  readonly isFiveLevel: boolean;
}

/** Bytes, a multiple of 4096. @param around the memory that the stub itself will lie in */
export function returnStubSize(order: ReturnOrder, around: Range): number {
  return TABLES_OFFSET + identityMapSize(touchedBy(order, around), order.isFiveLevel);
}

/** @param around holds the stub's own address, which is its start */
export function returnStub(order: ReturnOrder, around: Range): Uint8Array {
  if (COPIES_OFFSET + (order.copies.length + 1) * COPY_SIZE > TABLES_OFFSET)
    throw new KhopError('E_PLAN', `${order.copies.length} parts are too many for the way home`, {
      hint: 'This is a mistake in khop: please report it with the output of khop plan.',
    });
  const tables = identityMap(
    around.start + BigInt(TABLES_OFFSET),
    touchedBy(order, around),
    order.isFiveLevel,
  );
  const bytes = new Uint8Array(TABLES_OFFSET + tables.bytes.length);
  const view = new DataView(bytes.buffer);
  bytes.set(CODE, 0);
  view.setBigUint64(ROOT_OFFSET, tables.root, true);
  view.setBigUint64(ENTRY_OFFSET, order.entry, true);
  order.copies.forEach((copy, index) => {
    const offset = COPIES_OFFSET + index * COPY_SIZE;
    view.setBigUint64(offset, copy.source, true);
    view.setBigUint64(offset + 8, copy.destination, true);
    view.setBigUint64(offset + 16, BigInt(copy.size / 8), true);
    view.setBigUint64(offset + 24, BigInt(copy.cleared / 8), true);
  });
  bytes.set(tables.bytes, TABLES_OFFSET);
  return bytes;
}

function touchedBy({ copies, entry }: ReturnOrder, around: Range): Range[] {
  return [
    around,
    { start: entry, end: entry + 1n },
    ...copies.flatMap(({ source, destination, size, cleared }) => [
      { start: source, end: source + BigInt(size) },
      { start: destination, end: destination + BigInt(size + cleared) },
    ]),
  ];
}
