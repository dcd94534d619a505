/**
 * What each CPU was doing when the kernel crashed.
 * @module
 */
import { KhopError } from '../../error.ts';
import { readElfNotes } from '../elf-notes.ts';
import { type CpuRegisters, parsePrstatus, readCpuRegisters } from './cpu-registers.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { type KernelSymbols, readKernelSymbols } from './kernel-symbols.ts';
import { readPointer, readU32 } from './kernel-values.ts';
import { readOrcTable } from './orc-table.ts';
import { type StackTrace, traceStack, type Unwinder } from './stack-trace.ts';

/** One CPU. */
export interface CpuTrace {
  readonly cpu: number;
  /** Of the task that ran there; undefined where the registers are a virtual machine's own. */
  readonly pid: number | undefined;
  readonly hasPanicked: boolean;
  readonly registers: CpuRegisters;
  readonly trace: StackTrace;
}

/** NR_CPUS is at most 8192. */
const CPUS_LIMIT = 8192;
/** A prstatus with its name, and the empty note that ends the list. */
const NOTE_SIZE = 512;

/** @throws E_UNSUPPORTED or E_FORMAT when the kernel's symbols are not to be had */
export function readCpuTraces(memory: KernelMemory): CpuTrace[] {
  const symbols = readKernelSymbols(memory);
  const unwinder: Unwinder = { memory, symbols, orc: readOrcTable(memory, symbols) };
  const panicCpu = readPanicCpu(memory, symbols);
  const saved = readCrashNotes(memory, symbols);
  const cpus =
    saved.length > 0
      ? saved
      : // Without kdump the dump was made from outside, and its notes are in the order of the virtual CPUs.
        readCpuRegisters(memory.dump).map((registers, cpu) => ({ cpu, registers, pid: undefined }));
  return cpus.map(({ cpu, pid, registers }) => ({
    cpu,
    pid,
    hasPanicked: cpu === panicCpu,
    registers,
    trace: traceStack(unwinder, registers),
  }));
}

/** The CPU that panicked, by the kernel's own variable; undefined when none did, or its symbols are not there. */
export function findPanicCpu(memory: KernelMemory): number | undefined {
  const symbols = attempt(() => readKernelSymbols(memory));
  return symbols === undefined ? undefined : readPanicCpu(memory, symbols);
}

/** PANIC_CPU_INVALID is -1. */
function readPanicCpu(memory: KernelMemory, symbols: KernelSymbols): number | undefined {
  const address = symbols.find('panic_cpu');
  const cpu = address === undefined ? undefined : attempt(() => readU32(memory, address, 'panic_cpu'));
  return cpu !== undefined && cpu < CPUS_LIMIT ? cpu : undefined;
}

interface SavedCpu {
  readonly cpu: number;
  readonly pid: number | undefined;
  readonly registers: CpuRegisters;
}

/** crash_notes is a pointer to a variable of each CPU: the address for one is the sum with its __per_cpu_offset. */
function readCrashNotes(memory: KernelMemory, symbols: KernelSymbols): SavedCpu[] {
  const [notes, offsets, cpuIds] = ['crash_notes', '__per_cpu_offset', 'nr_cpu_ids'].map((name) =>
    symbols.find(name),
  );
  if (notes === undefined || offsets === undefined) return [];
  const count =
    cpuIds === undefined ? CPUS_LIMIT : (attempt(() => readU32(memory, cpuIds, 'nr_cpu_ids')) ?? 0);
  const base = attempt(() => readPointer(memory, notes, 'crash_notes'));
  if (base === undefined) return [];
  return Array.from({ length: Math.min(count, CPUS_LIMIT) }, (_none, cpu) => cpu).flatMap((cpu) => {
    const registers = attempt(() => {
      const offset = readPointer(memory, offsets + BigInt(cpu * 8), '__per_cpu_offset');
      const read = memory.read(BigInt.asUintN(64, base + offset), NOTE_SIZE);
      const note = read.state === 'read' ? readElfNotes(read.bytes)[0] : undefined;
      return note?.name === 'CORE' ? parsePrstatus(note.description, memory.dump.machine) : undefined;
    });
    return registers === undefined ? [] : [{ cpu, pid: registers.pid, registers }];
  });
}

/** One CPU's notes may be damaged without the others'. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}
