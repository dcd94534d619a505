/**
 * The ELF header through which a panic kernel finds the memory of the kernel that crashed: who left registers
 * where, where VMCOREINFO is, and which RAM there was. For kexec_file_load the kernel builds the same
 * (kernel/crash_core.c, crash_prepare_elf64_headers).
 * @module
 */
import { KhopError } from '../error.ts';
import { ELF_MACHINES } from '../formats/elf.ts';
import { type CoreMemory, type CoreNotes, encodeElfCoreHeader } from '../formats/elf-core.ts';
import { alignUp, mergeRanges, type Range, rangeSize, subtractRanges } from '../formats/range.ts';
import type { CrashFacts, MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import { requireCrashReservation, requireIomem } from './machine-memory.ts';

/** KEXEC_UPDATE_ELFCOREHDR (Linux 6.6): the kernel may rewrite the header when CPUs or memory change. */
const KEXEC_UPDATE_ELFCOREHDR = 4;
const PAGE = 4096n;

const MACHINES = { 'x86-64': ELF_MACHINES.x86_64, arm64: ELF_MACHINES.aarch64 } as const;

/** The header, ready to be placed. */
export interface CrashHeader {
  readonly bytes: Uint8Array;
  /** Bytes; more than `bytes` where the kernel wants room to rewrite it. */
  readonly memorySize: number;
  readonly source: string;
  /** KEXEC_* flags that an older kernel may not know. */
  readonly optionalFlags: number;
  readonly notes: readonly string[];
}

function requireFact<T>(reading: Reading<T>, what: string): T {
  if (reading.state === 'read') return reading.value;
  const why = reading.state === 'unreadable' ? reading.reason : 'it does not exist';
  throw new KhopError('E_UNREADABLE', `${reading.source} is needed for ${what}: ${why}`, {
    hint: 'Run as root, or let the kernel build the header with --method file.',
  });
}

/**
 * @param without ranges that the crashed kernel does not own, or that the panic kernel overwrites
 * @throws E_UNREADABLE when the notes or the memory are not known, E_PLAN without a reservation
 */
export function crashHeader(machine: MachineFacts, without: readonly Range[]): CrashHeader {
  const { crash } = machine;
  const cpus = requireFact(crash.cpuNotes, 'the registers of a panicking CPU');
  const vmcoreinfo = requireFact(crash.vmcoreinfo, 'reading a dump');
  const notes: CoreNotes[] = [...cpus.map(({ address, size }) => ({ address, size })), vmcoreinfo];
  const memory = [...kernelText(crash), ...systemMemory(machine, without)];
  const bytes = encodeElfCoreHeader({ machine: MACHINES[machine.architecture], notes, memory });
  const room = valueOf(machine.kexec.crashElfcorehdrSize) ?? 0n;
  const needed = room > BigInt(bytes.length) ? room : BigInt(bytes.length);
  const isUpdated = room > 0n;
  return {
    bytes,
    memorySize: Number(alignUp(needed, PAGE)),
    source: `${cpus.length} CPUs’ crash_notes, VMCOREINFO and ${memory.length} ranges of memory`,
    optionalFlags: isUpdated ? KEXEC_UPDATE_ELFCOREHDR : 0,
    notes: isUpdated
      ? []
      : ['The kernel does not update the header by itself: load again after CPUs or memory were plugged in.'],
  };
}

/** Tools work KASLR out from the kernel's own mapping; without it they still have VMCOREINFO. */
function kernelText(crash: CrashFacts): CoreMemory[] {
  const mapping = valueOf(crash.kernelText);
  if (mapping === undefined) return [];
  const { physicalAddress, virtualAddress, size } = mapping;
  return [{ physicalAddress, virtualAddress, size, foundAt: physicalAddress }];
}

/** System RAM, also hot-plugged: a dump is of what there was, not of what may be used. */
function systemMemory(machine: MachineFacts, without: readonly Range[]): CoreMemory[] {
  const { main, low } = requireCrashReservation(machine);
  const base = valueOf(machine.crash.directMapBase);
  const ram = requireIomem(machine).filter((entry) => entry.name.startsWith('System RAM'));
  const holes = [main, ...low, ...(valueOf(machine.crash.cmaRanges) ?? []), ...without];
  return subtractRanges(mergeRanges(ram), holes).map((range) => ({
    physicalAddress: range.start,
    virtualAddress: base === undefined ? 0n : base + range.start,
    size: rangeSize(range),
    foundAt: range.start,
  }));
}
