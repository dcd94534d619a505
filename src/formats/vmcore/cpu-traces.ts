/**
 * What each CPU was doing when the kernel crashed.
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import { readElfNotes } from '../elf-notes.ts';
import { printableText } from '../printable-text.ts';
import { type CpuRegisters, parsePrstatus, readCpuRegisters } from './cpu-registers.ts';
import { type KernelCode, openKernelCode, orUndefined } from './kernel-code.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { type KernelSymbols, readKernelSymbols } from './kernel-symbols.ts';
import { readKernelBytes, readPointer, readU32 } from './kernel-values.ts';
import { type StackTrace, traceStack } from './stack-trace.ts';

/** One CPU. */
export interface CpuTrace {
  readonly cpu: number;
  /** The task that ran there. Without BTF its name is unknown, and in a virtual machine's dump its pid. */
  readonly pid: number | undefined;
  readonly taskName: string | undefined;
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
  const code = openKernelCode(memory);
  const { symbols } = code;
  const panicCpu = readPanicCpu(memory, symbols);
  const saved = readCrashNotes(memory, symbols);
  const cpus =
    saved.length > 0
      ? saved
      : // Without kdump the dump was made from outside, and its notes are in the order of the virtual CPUs.
        readCpuRegisters(memory.dump)
          .slice(0, CPUS_LIMIT)
          .map((registers, cpu) => ({ cpu, registers, pid: undefined }));
  return cpus.map(({ cpu, pid, registers }) => ({
    cpu,
    ...(orUndefined(() => readCurrentTask(code, cpu)) ?? { pid, taskName: undefined }),
    hasPanicked: cpu === panicCpu,
    registers,
    trace: traceStack(code, registers),
  }));
}

/** The CPU that panicked, by the kernel's own variable; undefined when none did, or its symbols are not there. */
export function findPanicCpu(memory: KernelMemory): number | undefined {
  const symbols = orUndefined(() => readKernelSymbols(memory));
  return symbols === undefined ? undefined : readPanicCpu(memory, symbols);
}

/** PANIC_CPU_INVALID is -1. */
function readPanicCpu(memory: KernelMemory, symbols: KernelSymbols): number | undefined {
  const address = symbols.find('panic_cpu');
  const cpu = address === undefined ? undefined : orUndefined(() => readU32(memory, address, 'panic_cpu'));
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
    cpuIds === undefined ? CPUS_LIMIT : (orUndefined(() => readU32(memory, cpuIds, 'nr_cpu_ids')) ?? 0);
  const base = orUndefined(() => readPointer(memory, notes, 'crash_notes'));
  if (base === undefined) return [];
  return Array.from({ length: Math.min(count, CPUS_LIMIT) }, (_none, cpu) => cpu).flatMap((cpu) => {
    const registers = orUndefined(() => {
      const offset = readPointer(memory, offsets + BigInt(cpu * 8), '__per_cpu_offset');
      const read = memory.read(BigInt.asUintN(64, base + offset), NOTE_SIZE);
      const note = read.state === 'read' ? readElfNotes(read.bytes)[0] : undefined;
      return note?.name === 'CORE' ? parsePrstatus(note.description, memory.dump.machine) : undefined;
    });
    return registers === undefined ? [] : [{ cpu, pid: registers.pid, registers }];
  });
}

/** TASK_COMM_LEN. */
const NAME_SIZE = 16;

/** `current` of a CPU: a variable that each has, from 6.2 to 6.14 within pcpu_hot. */
function readCurrentTask(
  { memory, symbols, types }: KernelCode,
  cpu: number,
): { readonly pid: number; readonly taskName: string } | undefined {
  const offsets = symbols.find('__per_cpu_offset');
  const hot = types?.member('pcpu_hot', 'current_task')?.offset;
  const variable = hot === undefined ? symbols.find('current_task') : symbols.find('pcpu_hot');
  const [pid, name] = [types?.member('task_struct', 'pid'), types?.member('task_struct', 'comm')];
  if (offsets === undefined || variable === undefined || pid === undefined || name === undefined)
    return undefined;
  const own = readPointer(memory, offsets + BigInt(cpu * 8), '__per_cpu_offset');
  const task = readPointer(memory, BigInt.asUintN(64, variable + BigInt(hot ?? 0) + own), 'current_task');
  const text = readKernelBytes(memory, task + BigInt(name.offset), NAME_SIZE, 'comm');
  return {
    pid: readU32(memory, task + BigInt(pid.offset), 'pid'),
    taskName: printableText(new ByteReader(text, 'comm').text(0, NAME_SIZE, 'comm')),
  };
}
