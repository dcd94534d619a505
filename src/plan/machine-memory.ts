/**
 * Where segments may lie: the running kernel's own view of memory, /proc/iomem. The firmware's map alone does
 * not do: it knows nothing of reservations made since, and writing over one of those breaks the next kernel
 * or a device that still writes there.
 * @module
 */
import { KhopError } from '../error.ts';
import { mergeRanges, type Range, rangeContains, rangeFromSize, subtractRanges } from '../formats/range.ts';
import type { IomemEntry, MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { SegmentsLoadPlan } from './load-plan.ts';

/** Where segments may lie and where not. */
export interface PlacementMemory {
  readonly ram: readonly Range[];
  readonly avoid: readonly Range[];
}

/** @throws E_UNREADABLE when /proc/iomem is not there or hides its addresses */
export function requireIomem(machine: MachineFacts): readonly IomemEntry[] {
  if (machine.iomem.state === 'read') return machine.iomem.value;
  const why = machine.iomem.state === 'unreadable' ? machine.iomem.reason : 'it does not exist';
  throw new KhopError('E_UNREADABLE', `${machine.iomem.source} is needed to place segments: ${why}`, {
    hint: 'Run as root, or let the kernel place the parts with --method file.',
  });
}

/** MemTotal in bytes. @throws E_UNREADABLE */
export function requireMemoryTotal(machine: MachineFacts): bigint {
  const total = valueOf(machine.memoryTotalBytes);
  if (total !== undefined) return total;
  throw new KhopError('E_UNREADABLE', `${machine.memoryTotalBytes.source} cannot be read`, {
    hint: 'Check that /proc is mounted.',
  });
}

/**
 * System RAM without anything nested in it but the running kernel itself: the crash reservation, firmware
 * tables, interrupt tables that devices go on writing to.
 * @throws E_UNREADABLE
 */
export function placementMemory(machine: MachineFacts): PlacementMemory {
  // Hot-plugged memory is named "System RAM (virtio_mem)" or "(kmem)" and may be gone for the next kernel.
  const ram = requireIomem(machine).filter((entry) => entry.name === 'System RAM');
  const reserved = ram.flatMap((entry) => entry.children.filter((child) => !isOwnKernel(child)));
  return { ram: ram.map(extentOf), avoid: reserved.map(extentOf) };
}

/** A part of a plan, and where it would lie. */
export interface PlannedPlace {
  readonly name: string;
  readonly range: Range;
}

/**
 * What of a normal load is no longer in memory that may be overwritten, .bss and the like included: memory was taken
 * away or reserved since it was placed. The kernel would take it all the same.
 * @throws E_UNREADABLE
 */
export function misplacedParts(
  { segments, keptFree = [] }: Pick<SegmentsLoadPlan, 'segments' | 'keptFree'>,
  machine: MachineFacts,
): readonly PlannedPlace[] {
  const { ram, avoid } = placementMemory(machine);
  const free = mergeRanges(subtractRanges(ram, avoid));
  const places = [
    ...segments.map(({ name, address, memorySize }) => ({
      name,
      range: rangeFromSize(address, BigInt(memorySize)),
    })),
    ...keptFree.map(({ owner, range }) => ({ name: `the memory of ${owner}`, range })),
  ];
  return places.filter((place) => !free.some((range) => rangeContains(range, place.range)));
}

function extentOf({ start, end }: IomemEntry): Range {
  return { start, end };
}

/** The running kernel's own image is free once it is left. */
function isOwnKernel(entry: IomemEntry): boolean {
  return /^Kernel (code|data|rodata|bss)$/.test(entry.name);
}

/** Every line of the tree, parents before their children. */
function flatten(entries: readonly IomemEntry[]): IomemEntry[] {
  return entries.flatMap((entry) => [entry, ...flatten(entry.children)]);
}

/** What `crashkernel=` has reserved. */
export interface CrashReservation {
  /** The highest range: the panic kernel is loaded into it. */
  readonly main: Range;
  /** Low memory for its devices, from `crashkernel=...,low`. */
  readonly low: readonly Range[];
}

/** @throws E_PLAN without a reservation, E_UNREADABLE */
export function requireCrashReservation(machine: MachineFacts): CrashReservation {
  const ranges = flatten(requireIomem(machine))
    .filter((entry) => entry.name === 'Crash kernel')
    .map(extentOf)
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  const main = ranges.at(-1);
  if (main !== undefined) return { main, low: ranges.slice(0, -1) };
  throw new KhopError(
    'E_PLAN',
    'no memory is reserved for a panic kernel (no "Crash kernel" in /proc/iomem)',
    {
      hint: 'Add crashkernel=256M to the running kernel’s command line and start the machine anew.',
    },
  );
}
