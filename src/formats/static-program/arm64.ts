/**
 * arm64: `first` is x0, `second` x1, the frame x29. The stack pointer has to be a multiple of 16 when it is used
 * (Arm ARM, "Stack pointer alignment checking"), so an operand that waits and an argument take 16 bytes.
 *
 *   [x29 + 16 …]  parameters, the last one lowest      the caller takes them off
 *   [x29 + 8]     return address
 *   [x29]         the caller's x29
 *   [x29 - 8 …]   local variables
 *
 * Reference: Arm ARM, C6 "A64 Base Instruction Descriptions"; system calls: syscall(2), "Architecture calling
 * conventions".
 * @module
 */
import { ELF_MACHINES } from '../elf.ts';
import type { CodeGenerator, Register, Variable } from './instructions.ts';
import type { BinaryOperator, Width } from './terms.ts';

/** cmp x0, x1; cset x0, condition: csinc of zeros by the opposite condition, which differs in the lowest bit. */
function compare(condition: number): number[] {
  return [0xeb01001f, 0x9a9f07e0 | ((condition ^ 1) << 12)];
}

const OPERATORS: Readonly<Record<BinaryOperator, readonly number[]>> = {
  '+': [0x8b010000], // ................. add  x0, x0, x1
  '-': [0xcb010000], // ................. sub  x0, x0, x1
  '*': [0x9b017c00], // ................. mul  x0, x0, x1
  '/': [0x9ac10800], // ................. udiv x0, x0, x1
  '%': [0x9ac10802, 0x9b018040], // ..... udiv x2, x0, x1; msub x0, x2, x1, x0
  '&': [0x8a010000], // ................. and  x0, x0, x1
  '|': [0xaa010000], // ................. orr  x0, x0, x1
  '^': [0xca010000], // ................. eor  x0, x0, x1
  '<<': [0x9ac12000], // ................ lsl  x0, x0, x1
  '>>': [0x9ac12400], // ................ lsr  x0, x0, x1
  '==': compare(0x0),
  '!=': compare(0x1),
  '>=u': compare(0x2),
  '<u': compare(0x3),
  '>u': compare(0x8),
  '<=u': compare(0x9),
  '>=': compare(0xa),
  '<': compare(0xb),
  '>': compare(0xc),
  '<=': compare(0xd),
};

const LOADS: Readonly<Record<Width | 's32', number>> = {
  u8: 0x39400000, // .................... ldrb  w0, [x0]
  u16: 0x79400000, // ................... ldrh  w0, [x0]
  u32: 0xb9400000, // ................... ldr   w0, [x0]
  s32: 0xb9800000, // ................... ldrsw x0, [x0]
  u64: 0xf9400000, // ................... ldr   x0, [x0]
};

const STORES: Readonly<Record<Width, number>> = {
  u8: 0x39000001, // .................... strb w1, [x0]
  u16: 0x79000001, // ................... strh w1, [x0]
  u32: 0xb9000001, // ................... str  w1, [x0]
  u64: 0xf9000001, // ................... str  x1, [x0]
};

/** System calls have x0 to x5 for arguments and x8 for their number. */
const ARGUMENTS = [0, 1, 2, 3, 4, 5] as const;
const NUMBER_REGISTER = 8;

/** ldr xN, [sp], #16 */
const POP = 0xf84107e0;
const FRAME_REGISTER = 29 << 5;

export const ARM64_CODE: CodeGenerator = {
  machine: ELF_MACHINES.aarch64,
  encode(instruction, distance) {
    switch (instruction.op) {
      case 'constant':
        return code(...constant(registerOf(instruction.to), instruction.value));
      case 'stack-pointer':
        return code(0x910003e0); // mov x0, sp
      case 'read': // ldur xN, [x29, #offset]
        return code(0xf8400000 | frameOffset(instruction.variable) | registerOf(instruction.to));
      case 'write': // stur x0, [x29, #offset]
        return code(0xf8000000 | frameOffset(instruction.variable));
      case 'push':
        return code(0xf81f0fe0); // str x0, [sp, #-16]!
      case 'pop':
        return code(0xaa0003e1, POP); // mov x1, x0; ldr x0, [sp], #16
      case 'binary':
        return code(...OPERATORS[instruction.operator]);
      case 'load':
        return code(LOADS[instruction.width]);
      case 'store':
        return code(STORES[instruction.width]);
      case 'jump':
        return code(branch(0x14000000, distance(instruction.label)));
      // A conditional branch reaches 1 MiB, b 128 MiB.
      case 'jump-if-zero': // cbnz x0, over it; b
        return code(0xb5000040, branch(0x14000000, distance(instruction.label) - 4));
      case 'jump-unless-zero': // cbz x0, over it; b
        return code(0xb4000040, branch(0x14000000, distance(instruction.label) - 4));
      case 'call': // bl; add sp, sp, #bytes
        return code(
          branch(0x94000000, distance(instruction.label)),
          0x910003ff | ((16 * instruction.argumentCount) << 10),
        );
      case 'system-call':
        return code(...systemCall(instruction.number, instruction.argumentCount));
      case 'enter': // stp x29, x30, [sp, #-16]!; mov x29, sp; stp xzr, xzr, [sp, #-16]! ...
        return code(0xa9bf7bfd, 0x910003fd, ...Array(Math.ceil(instruction.localCount / 2)).fill(0xa9bf7fff));
      case 'return':
        return code(0x910003bf, 0xa8c17bfd, 0xd65f03c0); // mov sp, x29; ldp x29, x30, [sp], #16; ret
    }
  },
};

/** All instructions are 32 bits, little-endian. */
function code(...words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words, (word) => word >>> 0).buffer);
}

function registerOf(register: Register): number {
  return register === 'first' ? 0 : 1;
}

/** movz of one half word and movk of the others; movn instead when the value has more ones than zeros. */
function constant(register: number, value: bigint): number[] {
  const halves = [0n, 16n, 32n, 48n].map((shift) => Number((value >> shift) & 0xffffn));
  const isInverted =
    halves.filter((half) => half === 0xffff).length > halves.filter((half) => half === 0).length;
  const filling = isInverted ? 0xffff : 0;
  const parts = halves.map((half, index) => ({ half, index })).filter(({ half }) => half !== filling);
  const [head, ...tail] = parts.length === 0 ? [{ half: filling, index: 0 }] : parts;
  const field = (half: number, index: number) => (index << 21) | (half << 5) | register;
  const first = isInverted
    ? 0x92800000 | field(head!.half ^ 0xffff, head!.index)
    : 0xd2800000 | field(head!.half, head!.index);
  return [first, ...tail.map(({ half, index }) => 0xf2800000 | field(half, index))];
}

/** The base register and the signed 9 bits of ldur and stur, in bytes. */
function frameOffset(variable: Variable): number {
  const offset = variable.kind === 'local' ? -8 * (variable.index + 1) : 16 + 16 * variable.behind;
  return FRAME_REGISTER | ((offset & 0x1ff) << 12);
}

/** The signed 26 bits of b and bl, in instructions. */
function branch(opcode: number, distance: number): number {
  return opcode | ((distance >> 2) & 0x3ffffff);
}

function systemCall(number: number, argumentCount: number): number[] {
  return [
    ...ARGUMENTS.slice(0, argumentCount)
      .reverse()
      .map((register) => POP | register),
    ...ARGUMENTS.slice(argumentCount).flatMap((register) => constant(register, 0n)),
    ...constant(NUMBER_REGISTER, BigInt(number)),
    0xd4000001, // svc #0
  ];
}
