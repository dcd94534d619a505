/**
 * What a static program calculates with: 64-bit words. A term is data; `static-program.ts` says what becomes of it.
 *
 *   [[size, '+', 7], '/', 8]          operators stand between their operands, as in C
 *   'proc'                            the address of a text that ends with NUL
 *   load.u32([header, '+', 24])       memory is read by width
 *   sys.openat(AT_FDCWD, '/dev', 0)   what the kernel returns: a negative errno when it refuses
 * @module
 */
import type { Architecture } from '../architecture.ts';
import { SYSCALL_NUMBERS, type SyscallName } from '../syscall-numbers.ts';
import type { FunctionDefinition } from './functions.ts';
import { refuse } from './refusal.ts';

/**
 * All on 64 bits, results too: they wrap. `/`, `%` and `>>` are unsigned; a shift counts modulo 64. Division by
 * zero gives 0 and leaves the remainder whole, as arm64 does: no program dies of it. A comparison gives 0 or 1; it is
 * signed, or unsigned with a `u` behind it. `&&` and `||` give 0 or 1 and leave out what need not be asked.
 */
export type Operator = BinaryOperator | '&&' | '||';

/** The operators that need both operands. */
export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>' | Comparison;

/** Those that give 0 or 1. */
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | '<u' | '<=u' | '>u' | '>=u';

/** How much memory a load or store touches; `s32` is extended by its sign. Nothing need be aligned. */
export type Width = 'u8' | 'u16' | 'u32' | 'u64';

/** A word, or how to come by it. Numbers are integers, and may be negative or as large as 2^64 - 1. */
export type Term = number | bigint | Expression | readonly [Term, Operator, Term];

/** A term that is neither a number nor an operation. */
export type Expression = DataTerm | PerArchitecture | Local | Load | Call | SystemCall;

/** A term that is an address in the program's image; a text stands for itself and ends with NUL. */
export type DataTerm = string | Bytes | Words | Zeroed;

/** A constant that Linux defines differently for each architecture. */
export interface PerArchitecture {
  readonly kind: 'per-architecture';
  readonly values: Readonly<Record<Architecture, number>>;
}

/** Bytes that are only read. */
export interface Bytes {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
}

/** Words that are only read; their terms are constants and addresses. */
export interface Words {
  readonly kind: 'words';
  readonly words: readonly Term[];
}

/** Memory to write to, all zero at first. */
export interface Zeroed {
  readonly kind: 'zeroed';
  /** Bytes. */
  readonly size: number;
  readonly alignment: number;
}

/** A parameter or local variable: its value. */
export interface Local {
  readonly kind: 'local';
  readonly name: string;
  readonly owner: FunctionDefinition;
}

/** Memory at an address: its value. */
export interface Load {
  readonly kind: 'load';
  readonly width: Width | 's32';
  readonly address: Term;
}

/** A call of a function of the program. */
export interface Call {
  readonly kind: 'call';
  readonly callee: FunctionDefinition;
  readonly args: readonly Term[];
}

/** A system call. Arguments that are not given are 0. */
export interface SystemCall {
  readonly kind: 'system-call';
  readonly name: SyscallName;
  readonly args: readonly Term[];
}

/** A value for each architecture. */
export function perArchitecture(values: Readonly<Record<Architecture, number>>): PerArchitecture {
  return { kind: 'per-architecture', values };
}

/** The address of `bytes`, a multiple of 8; equal bytes may share one. */
export function bytesAt(bytes: Uint8Array): Bytes {
  return { kind: 'bytes', bytes };
}

/** The address of a table of words, such as the arguments of execve: `wordsAt('/bin/sh', '-c', 'true', 0)`. */
export function wordsAt(...words: readonly Term[]): Words {
  return { kind: 'words', words };
}

/** The address of `size` bytes of zeroed memory, each call another; it takes no place in the file. */
export function zeroed(size: number, alignment = 16): Zeroed {
  return { kind: 'zeroed', size, alignment };
}

function loader(width: Width | 's32'): (address: Term) => Load {
  return (address) => ({ kind: 'load', width, address });
}

/** Memory read by width. */
export const load = {
  u8: loader('u8'),
  u16: loader('u16'),
  u32: loader('u32'),
  s32: loader('s32'),
  u64: loader('u64'),
} as const;

/** Up to six terms. */
export type SixTerms = readonly [Term?, Term?, Term?, Term?, Term?, Term?];

/** `sys.close(fd)` calls the kernel; every name that both architectures have. */
export const sys = Object.fromEntries(
  Object.keys(SYSCALL_NUMBERS['x86-64']).map((name) => [
    name,
    (...args: readonly Term[]) => ({ kind: 'system-call', name, args }),
  ]),
) as Readonly<Record<SyscallName, (...args: SixTerms) => SystemCall>>;

/** A number as 64 bits, unsigned. */
export function wordOf(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) refuse(`${value} is no integer`);
  const exact = BigInt(value);
  if (exact < -(1n << 63n) || exact >= 1n << 64n) refuse(`${exact} does not fit into 64 bits`);
  return BigInt.asUintN(64, exact);
}
