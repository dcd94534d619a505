/**
 * The registers that each CPU saved when the kernel crashed.
 * Specification: NT_PRSTATUS, struct elf_prstatus of linux include/linux/elfcore.h: pid at 32, registers at 112 in
 * the order of user_regs_struct (x86-64) and user_pt_regs (arm64).
 * @module
 */
import { ByteReader } from '../byte-reader.ts';
import { ELF_MACHINES } from '../elf.ts';
import type { CrashedMemory } from './crashed-memory.ts';

const NT_PRSTATUS = 1;
const PID = 32;
const REGISTERS = 112;

const X86_NAMES =
  'r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss fs_base gs_base ds es fs gs'.split(
    ' ',
  );
const ARM64_NAMES = [...Array.from({ length: 31 }, (_none, index) => `x${index}`), 'sp', 'pc', 'pstate'];

/** One CPU. */
export interface CpuRegisters {
  /** Of the task that ran; 0 for the idle task. */
  readonly pid: number;
  readonly values: ReadonlyMap<string, bigint>;
  readonly instructionPointer: bigint;
  readonly stackPointer: bigint;
  readonly framePointer: bigint;
}

/** In the order of the notes, which need not be that of the CPUs. */
export function readCpuRegisters(dump: CrashedMemory): CpuRegisters[] {
  return dump.notes
    .filter(({ name, type }) => name === 'CORE' && type === NT_PRSTATUS)
    .flatMap(({ description }) => parsePrstatus(description, dump.machine) ?? []);
}

/** Undefined when the note is of another size than the architecture's. */
export function parsePrstatus(description: Uint8Array, machine: number): CpuRegisters | undefined {
  const isArm = machine === ELF_MACHINES.aarch64;
  const names = isArm ? ARM64_NAMES : X86_NAMES;
  if (description.length < REGISTERS + names.length * 8) return undefined;
  const reader = new ByteReader(description, 'NT_PRSTATUS');
  const values = new Map(names.map((name, index) => [name, reader.u64(REGISTERS + index * 8, name)]));
  return {
    pid: reader.u32(PID, 'pr_pid'),
    values,
    instructionPointer: values.get(isArm ? 'pc' : 'ip')!,
    stackPointer: values.get('sp')!,
    framePointer: values.get(isArm ? 'x29' : 'bp')!,
  };
}
