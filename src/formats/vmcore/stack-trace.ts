/**
 * The calls that led to where a CPU was, without debugging information.
 * Reference: linux arch/x86/kernel/unwind_orc.c and unwind_guess.c; arch/arm64/kernel/stacktrace.c.
 * @module
 */
import { ELF_MACHINES } from '../elf.ts';
import type { CpuRegisters } from './cpu-registers.ts';
import type { CodePlace, KernelCode } from './kernel-code.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { OrcEntry } from './orc-table.ts';

/** One line of a trace. */
export interface StackFrame {
  readonly address: bigint;
  /** Undefined where neither the kernel nor a module has a symbol. */
  readonly symbol: CodePlace | undefined;
  /** `certain` follows from the tables; `guess` is a word on the stack that lies in the kernel's text. */
  readonly certainty: 'certain' | 'guess';
}

/** A trace, and why it ends where it does. */
export interface StackTrace {
  readonly frames: readonly StackFrame[];
  readonly end: string;
}

const FRAMES_LIMIT = 200;
/** THREAD_SIZE of x86-64; with KASAN it is more, then the rest is not scanned. */
const STACK_SIZE = 16_384n;
/** struct pt_regs of x86-64, and its tail that an exception pushes. */
const PT_REGS = { bp: 32n, ip: 128n, cs: 136n, sp: 152n };
const IRET_FRAME = { ip: 0n, cs: 8n, sp: 24n };
const USER_MODE = 3n;
/** Of arch/x86/lib/retpoline.S. The tables of 5.18 to 6.4 say of them that nothing called them (UNWIND_HINT_EMPTY). */
const THUNK = /^__x86_(?:indirect|return)_thunk/;

interface State {
  readonly ip: bigint;
  readonly sp: bigint;
  readonly bp: bigint;
  /** `ip` is the very instruction, not the one after a call. */
  readonly isExact: boolean;
}

/** From the registers of a CPU outwards, to user space or as far as it goes. */
export function traceStack(code: KernelCode, registers: CpuRegisters): StackTrace {
  const start = {
    ip: registers.instructionPointer,
    sp: registers.stackPointer,
    bp: registers.framePointer,
    isExact: true,
  };
  if (!code.isCode(start.ip))
    return start.ip < 1n << 63n
      ? { frames: [], end: 'it was in user space' }
      : { ...guessFrames(code, start.sp, [frame(code, start.ip, true)]) };
  return code.memory.dump.machine === ELF_MACHINES.aarch64
    ? traceFramePointers(code, start)
    : traceOrc(code, start);
}

/** struct inactive_task_frame of x86-64: r15 to r12, bx, bp, and where __schedule goes on. */
const SWITCH_FRAME = { bp: 40n, ip: 48n, size: 56n };

/** Of a task that sleeps. @param sp thread.sp */
export function traceSleeper(code: KernelCode, sp: bigint): StackTrace {
  const [ip, bp] = [word(code.memory, sp + SWITCH_FRAME.ip), word(code.memory, sp + SWITCH_FRAME.bp)];
  if (ip === undefined || bp === undefined) return { frames: [], end: 'its stack is not in the dump' };
  return traceOrc(code, { ip, bp, sp: sp + SWITCH_FRAME.size, isExact: false });
}

function traceOrc(code: KernelCode, start: State): StackTrace {
  const frames: StackFrame[] = [];
  let state = start;
  while (frames.length < FRAMES_LIMIT) {
    frames.push(frame(code, state.ip, state.isExact));
    const entry = code.orc(state.isExact ? state.ip : state.ip - 1n);
    const isThunk = THUNK.test(frames.at(-1)?.symbol?.name ?? '');
    if (entry?.type === 'end' && !isThunk) return { frames, end: 'the first function of the task' };
    const told = entry?.type === 'end' ? undefined : entry;
    const next =
      told !== undefined ? step(code.memory, state, told) : isThunk && leaveThunk(code.memory, state);
    if (next === 'user') return { frames, end: 'called from user space' };
    if (!next || !code.isCode(next.ip) || !isProgress(state, next))
      return guessFrames(code, state.sp, frames);
    state = next;
  }
  return { frames, end: `more than ${FRAMES_LIMIT} calls` };
}

/** Where the caller of a thunk goes on, or another part of the thunk: nothing else is on top of its stack. */
function leaveThunk(memory: KernelMemory, { sp, bp }: State): State | undefined {
  const ip = word(memory, sp);
  return ip === undefined ? undefined : { ip, sp: sp + 8n, bp, isExact: false };
}

/** Within one stack, callers are above; a switch between stacks may go anywhere else. */
function isProgress(from: State, to: State): boolean {
  return to.sp > from.sp || to.sp / STACK_SIZE !== from.sp / STACK_SIZE;
}

function step(memory: KernelMemory, state: State, entry: OrcEntry): State | 'user' | undefined {
  const sp = callerStack(memory, state, entry);
  if (sp === undefined) return undefined;
  if (entry.type === 'call') {
    const ip = word(memory, sp - 8n);
    const bp = callerFrame(memory, state, entry, sp);
    return ip === undefined || bp === undefined ? undefined : { ip, sp, bp, isExact: false };
  }
  if (entry.type !== 'regs' && entry.type !== 'regs-partial') return undefined;
  const layout = entry.type === 'regs' ? PT_REGS : IRET_FRAME;
  const [ip, cs, stack] = [
    word(memory, sp + layout.ip),
    word(memory, sp + layout.cs),
    word(memory, sp + layout.sp),
  ];
  if (cs !== undefined && (cs & USER_MODE) === USER_MODE) return 'user';
  const bp = entry.type === 'regs' ? word(memory, sp + PT_REGS.bp) : callerFrame(memory, state, entry, sp);
  if (ip === undefined || stack === undefined || bp === undefined) return undefined;
  return { ip, sp: stack, bp, isExact: true };
}

function callerStack(memory: KernelMemory, { sp, bp }: State, entry: OrcEntry): bigint | undefined {
  const offset = BigInt(entry.spOffset);
  switch (entry.spRegister) {
    case 'sp':
      return sp + offset;
    case 'bp':
      return bp + offset;
    case 'bp-indirect':
      return word(memory, bp + offset);
    case 'sp-indirect': {
      const inner = word(memory, sp);
      return inner === undefined ? undefined : inner + offset;
    }
    // R10, R13, DI and DX are used where a function has just switched its stack, by registers nobody saved.
    default:
      return undefined;
  }
}

function callerFrame(memory: KernelMemory, state: State, entry: OrcEntry, sp: bigint): bigint | undefined {
  const offset = BigInt(entry.bpOffset);
  if (entry.bpRegister === 'previous-sp') return word(memory, sp + offset);
  if (entry.bpRegister === 'bp') return word(memory, state.bp + offset);
  return state.bp;
}

/** AAPCS64: x29 points to {x29, x30} of the caller; pointer authentication signs the upper bits of x30. */
function traceFramePointers(code: KernelCode, start: State): StackTrace {
  const { memory } = code;
  const frames = [frame(code, start.ip, true)];
  let at = start.bp;
  while (frames.length < FRAMES_LIMIT) {
    const [next, link] = [word(memory, at), word(memory, at + 8n)];
    if (at === 0n || link === undefined || next === undefined) break;
    const address = stripAuthentication(memory, link);
    if (!code.isCode(address)) break;
    frames.push(frame(code, address, false));
    if (next <= at && next / STACK_SIZE === at / STACK_SIZE) break;
    at = next;
  }
  return { frames, end: 'the last frame record' };
}

function stripAuthentication(memory: KernelMemory, address: bigint): bigint {
  const mask = memory.vmcoreinfo.get('NUMBER(KERNELPACMASK)');
  return mask !== undefined && /^0x[0-9a-f]{1,16}$/i.test(mask) ? address | BigInt(mask) : address;
}

/** The kernel's own last resort: every word up to the end of the stack that points into its text. */
function guessFrames(code: KernelCode, sp: bigint, certain: readonly StackFrame[]): StackTrace {
  const frames = [...certain];
  const end = (sp / STACK_SIZE + 1n) * STACK_SIZE;
  for (let at = (sp + 7n) & ~7n; at < end && frames.length < FRAMES_LIMIT; at += 8n) {
    const value = word(code.memory, at);
    if (value === undefined) return { frames, end: `the stack at 0x${at.toString(16)} is not in the dump` };
    if (code.isCode(value)) frames.push({ ...frame(code, value, false), certainty: 'guess' });
  }
  return { frames, end: 'no table says how to go on: what follows the last certain call is guessed' };
}

function frame(code: KernelCode, address: bigint, isExact: boolean): StackFrame {
  if (!code.isCode(address)) return { address, symbol: undefined, certainty: 'certain' };
  // A call that never returns is the last instruction of its function: the address after it is the next one's.
  const place = code.describe(isExact ? address : address - 1n);
  const symbol = place === undefined || isExact ? place : { ...place, offset: place.offset + 1n };
  return { address, symbol, certainty: 'certain' };
}

function word(memory: KernelMemory, address: bigint): bigint | undefined {
  const read = memory.read(BigInt.asUintN(64, address), 8);
  return read.state === 'read' ? Buffer.from(read.bytes).readBigUInt64LE() : undefined;
}
