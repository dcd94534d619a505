/**
 * What the new kernel is told of memory.
 *
 * The firmware's map (/sys/firmware/memmap) is what a boot loader would hand over, so it comes first. A kernel
 * that was given `add_efi_memmap` knows more than the firmware's e820 said; its own view, /proc/iomem, then
 * counts, as it does where there is no CONFIG_FIRMWARE_MEMMAP.
 * @module
 */
import type { MemoryMap, MemoryMapEntry, MemoryType } from '../../formats/memory-map.ts';
import { type Range, subtractRanges } from '../../formats/range.ts';
import type { IomemEntry, MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { hasArgument } from '../command-line.ts';
import {
  type CrashReservation,
  type PlacementMemory,
  placementMemory,
  requireIomem,
} from '../machine-memory.ts';
import { intersectRanges } from '../placement.ts';

/** Names of arch/x86/kernel/e820.c, e820_type_to_string(); lines of other names are devices. */
const IOMEM_TYPES: Readonly<Record<string, MemoryType>> = {
  'System RAM': 'ram',
  Reserved: 'reserved',
  reserved: 'reserved',
  'Unknown E820 type': 'reserved',
  'ACPI Tables': 'acpi',
  'ACPI Non-volatile Storage': 'nvs',
  'Unusable memory': 'unusable',
  'Persistent Memory': 'pmem',
  'Persistent Memory (legacy)': 'pram',
  'Soft Reserved': 'softReserved',
};

/** Bytes: x86-64 has one page size. */
export const PAGE_SIZE = 4096;

/** Low memory belongs to the firmware, and to the trampoline through which the CPUs start. */
export const LOW_MEMORY: Range = { start: 0n, end: 0x10_0000n };

/** @throws E_UNREADABLE when neither source can be read */
export function handedOverMap(machine: MachineFacts): MemoryMap {
  const firmware = valueOf(machine.firmwareMap);
  const isExtended = hasArgument(valueOf(machine.commandLine) ?? '', 'add_efi_memmap');
  if (firmware !== undefined && firmware.length > 0 && !isExtended) return firmware;
  return requireIomem(machine).flatMap(iomemEntries);
}

/** RAM without the parts inside it that are of another type. */
function iomemEntries(entry: IomemEntry): MemoryMapEntry[] {
  const type = IOMEM_TYPES[entry.name];
  if (type === undefined) return [];
  if (type !== 'ram') return [{ start: entry.start, end: entry.end, type }];
  const inner = entry.children.filter((child) => IOMEM_TYPES[child.name] !== undefined).flatMap(iomemEntries);
  const ram = subtractRanges([entry], inner).map(({ start, end }) => ({ start, end, type }));
  return [...ram, ...inner].sort((a, b) => (a.start < b.start ? -1 : 1));
}

/**
 * RAM that both the running kernel uses as such and the next one will be told of, without low memory.
 * @throws E_UNREADABLE
 */
export function x86PlacementMemory(machine: MachineFacts): PlacementMemory {
  const { ram, avoid } = placementMemory(machine);
  const told = handedOverMap(machine).filter((entry) => entry.type === 'ram');
  return { ram: intersectRanges(ram, told), avoid: [LOW_MEMORY, ...avoid] };
}

/**
 * What a panic kernel is told: the reservation as its RAM, low memory for its CPUs' trampoline, and everything
 * that is not RAM as it was, because firmware tables lie there (arch/x86/kernel/crash.c,
 * crash_setup_memmap_entries).
 * @param kept inside the reservation: the ELF header and other things that the kernel must leave unchanged
 */
export function crashMap(machine: MachineFacts, crash: CrashReservation, kept: readonly Range[]): MemoryMap {
  const all = handedOverMap(machine);
  const low = all
    .filter((entry) => entry.type === 'ram' && entry.start < LOW_MEMORY.end)
    .map((entry) => ({ ...entry, end: entry.end < LOW_MEMORY.end ? entry.end : LOW_MEMORY.end }));
  const reserved = [...subtractRanges([crash.main], kept), ...crash.low];
  return [
    ...low,
    ...all.filter((entry) => entry.type !== 'ram'),
    ...reserved.map(({ start, end }) => ({ start, end, type: 'ram' as const })),
  ].sort((a, b) => (a.start < b.start ? -1 : 1));
}
