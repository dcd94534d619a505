/**
 * x86-64: `first` is rax, `second` rcx, the frame rbp, a word of the stack 8 bytes.
 *
 *   [rbp + 16 …]  parameters, the last one lowest      the function that is called takes them off (ret n)
 *   [rbp + 8]     return address
 *   [rbp]         the caller's rbp
 *   [rbp - 8 …]   local variables
 *
 * Reference: Intel SDM volume 2; system calls: syscall(2), "Architecture calling conventions".
 * @module
 */
import { ELF_MACHINES } from '../elf.ts';
import type { CodeGenerator, Register, Variable } from './instructions.ts';
import type { BinaryOperator, Width } from './terms.ts';

const COMPARE = [0x48, 0x39, 0xc8]; // cmp rax, rcx
const TO_WORD = [0x0f, 0xb6, 0xc0]; // movzx eax, al

/** SETcc by the low half of its second byte. */
function compare(condition: number): number[] {
  return [...COMPARE, 0x0f, 0x90 | condition, 0xc0, ...TO_WORD];
}

const OPERATORS: Readonly<Record<BinaryOperator, readonly number[]>> = {
  '+': [0x48, 0x01, 0xc8], // ............ add  rax, rcx
  '-': [0x48, 0x29, 0xc8], // ............ sub  rax, rcx
  '*': [0x48, 0x0f, 0xaf, 0xc1], // ...... imul rax, rcx
  '&': [0x48, 0x21, 0xc8], // ............ and  rax, rcx
  '|': [0x48, 0x09, 0xc8], // ............ or   rax, rcx
  '^': [0x48, 0x31, 0xc8], // ............ xor  rax, rcx
  '<<': [0x48, 0xd3, 0xe0], // ........... shl  rax, cl
  '>>': [0x48, 0xd3, 0xe8], // ........... shr  rax, cl
  '/': [
    ...[0x31, 0xd2], // .................. xor  edx, edx
    ...[0x48, 0x85, 0xc9], // ............ test rcx, rcx
    ...[0x75, 0x04], // .................. jnz  divide
    ...[0x31, 0xc0], // .................. xor  eax, eax
    ...[0xeb, 0x03], // .................. jmp  over it
    ...[0x48, 0xf7, 0xf1], // ............ divide: div rcx
  ],
  '%': [
    ...[0x31, 0xd2], // .................. xor  edx, edx
    ...[0x48, 0x85, 0xc9], // ............ test rcx, rcx
    ...[0x74, 0x06], // .................. jz   over the division
    ...[0x48, 0xf7, 0xf1], // ............ div  rcx
    ...[0x48, 0x89, 0xd0], // ............ mov  rax, rdx
  ],
  '==': compare(0x4),
  '!=': compare(0x5),
  '<': compare(0xc),
  '>=': compare(0xd),
  '<=': compare(0xe),
  '>': compare(0xf),
  '<u': compare(0x2),
  '>=u': compare(0x3),
  '<=u': compare(0x6),
  '>u': compare(0x7),
};

const LOADS: Readonly<Record<Width | 's32', readonly number[]>> = {
  u8: [0x0f, 0xb6, 0x00], // ............. movzx  eax, byte [rax]
  u16: [0x0f, 0xb7, 0x00], // ............ movzx  eax, word [rax]
  u32: [0x8b, 0x00], // .................. mov    eax, [rax]
  s32: [0x48, 0x63, 0x00], // ............ movsxd rax, dword [rax]
  u64: [0x48, 0x8b, 0x00], // ............ mov    rax, [rax]
};

const STORES: Readonly<Record<Width, readonly number[]>> = {
  u8: [0x88, 0x08], // ................... mov [rax], cl
  u16: [0x66, 0x89, 0x08], // ............ mov [rax], cx
  u32: [0x89, 0x08], // .................. mov [rax], ecx
  u64: [0x48, 0x89, 0x08], // ............ mov [rax], rcx
};

/** pop, and xor with itself, of the registers of a system call's arguments. */
const ARGUMENTS: readonly { readonly pop: readonly number[]; readonly clear: readonly number[] }[] = [
  { pop: [0x5f], clear: [0x31, 0xff] }, // ............... rdi
  { pop: [0x5e], clear: [0x31, 0xf6] }, // ............... rsi
  { pop: [0x5a], clear: [0x31, 0xd2] }, // ............... rdx
  { pop: [0x41, 0x5a], clear: [0x45, 0x31, 0xd2] }, // ... r10
  { pop: [0x41, 0x58], clear: [0x45, 0x31, 0xc0] }, // ... r8
  { pop: [0x41, 0x59], clear: [0x45, 0x31, 0xc9] }, // ... r9
];

const TEST = [0x48, 0x85, 0xc0]; // test rax, rax

export const X86_64_CODE: CodeGenerator = {
  machine: ELF_MACHINES.x86_64,
  encode(instruction, distance) {
    switch (instruction.op) {
      case 'constant':
        return constant(instruction.to, instruction.value);
      case 'stack-pointer':
        return code(0x48, 0x89, 0xe0); // mov rax, rsp
      case 'read':
        return frameAccess(0x8b, instruction.to, instruction.variable);
      case 'write':
        return frameAccess(0x89, 'first', instruction.variable);
      case 'push':
        return code(0x50); // push rax
      case 'pop':
        return code(0x48, 0x89, 0xc1, 0x58); // mov rcx, rax; pop rax
      case 'binary':
        return code(...OPERATORS[instruction.operator]);
      case 'load':
        return code(...LOADS[instruction.width]);
      case 'store':
        return code(...STORES[instruction.width]);
      case 'jump':
        return relative([0xe9], distance(instruction.label));
      case 'jump-if-zero':
        return relative([...TEST, 0x0f, 0x84], distance(instruction.label));
      case 'jump-unless-zero':
        return relative([...TEST, 0x0f, 0x85], distance(instruction.label));
      case 'call':
        return relative([0xe8], distance(instruction.label));
      case 'system-call':
        return systemCall(instruction.number, instruction.argumentCount);
      case 'enter': // push rbp; mov rbp, rsp; push 0 ...
        return code(0x55, 0x48, 0x89, 0xe5, ...Array(instruction.localCount).fill([0x6a, 0]).flat());
      case 'return': // leave; ret n
        return code(0xc9, 0xc2, ...word(instruction.parameterCount * 8).slice(0, 2));
    }
  },
};

function code(...bytes: readonly number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

/** 32 bits, little-endian. */
function word(value: number): number[] {
  return [...new Uint8Array(new Int32Array([value]).buffer)];
}

/** The shortest of: mov r32, imm32, which clears the upper half; mov r64, imm32 by sign; mov r64, imm64. */
function constant(to: Register, value: bigint): Uint8Array {
  const register = to === 'first' ? 0 : 1;
  const low = word(Number(BigInt.asIntN(32, value)));
  if (value === BigInt.asUintN(32, value)) return code(0xb8 | register, ...low);
  if (BigInt.asIntN(64, value) === BigInt.asIntN(32, value)) return code(0x48, 0xc7, 0xc0 | register, ...low);
  return code(0x48, 0xb8 | register, ...low, ...word(Number(BigInt.asIntN(32, value >> 32n))));
}

/** mov between a register and [rbp + displacement]. */
function frameAccess(opcode: number, register: Register, variable: Variable): Uint8Array {
  const displacement = variable.kind === 'local' ? -8 * (variable.index + 1) : 16 + 8 * variable.behind;
  const field = register === 'first' ? 0 : 1;
  if (displacement >= -128) return code(0x48, opcode, 0x45 | (field << 3), displacement & 0xff);
  return code(0x48, opcode, 0x85 | (field << 3), ...word(displacement));
}

/** A distance in x86-64 counts from the end of its instruction. */
function relative(opcode: readonly number[], distance: number): Uint8Array {
  return code(...opcode, ...word(distance - opcode.length - 4));
}

function systemCall(number: number, argumentCount: number): Uint8Array {
  return code(
    ...ARGUMENTS.slice(0, argumentCount)
      .reverse()
      .flatMap(({ pop }) => pop),
    ...ARGUMENTS.slice(argumentCount).flatMap(({ clear }) => clear),
    ...[0xb8, ...word(number)], // mov eax, number
    ...[0x0f, 0x05], // syscall
  );
}
