/**
 * The memory in which a panic kernel waits for a kernel that does not run yet. A kernel chooses the place of its
 * reservation when it starts, and the panic kernel has to be planned before that: so the kernel on trial is told
 * the place, `crashkernel=SIZE@ADDRESS`, and no part of the switch goes there.
 * @module
 */
import { type Range, rangeSize } from '../../formats/range.ts';
import type { CrashFacts, IomemEntry, MachineFacts } from '../../machine/facts.ts';
import type { Reading } from '../../machine/reading.ts';
import type { LoadMethod } from '../load-plan.ts';
import { placementMemory, requireIomem } from '../machine-memory.ts';
import { findHole, freeRanges } from '../placement.ts';

const CRASH_KERNEL = 'Crash kernel';
/** reserve_crashkernel on x86-64 asks for 16 MiB, on arm64 for 2. */
const ALIGNMENT = 0x100_0000n;
/** Below it, every panic kernel can be reached by every device. */
const FOUR_GIB = 0x1_0000_0000n;
/** Where kernels and their decompressors begin: left to them. */
const LOWEST = 0x1000_0000n;

/**
 * Where `size` bytes are reserved for the kernel on trial: where the running kernel has its reservation when that is
 * large enough, else at the highest place below 4 GiB. Undefined when there is no such place.
 * @throws E_UNREADABLE
 */
export function trialReservation(machine: MachineFacts, size: bigint): Range | undefined {
  const standing = crashKernels(requireIomem(machine)).at(-1);
  if (standing !== undefined && rangeSize(standing) >= size && standing.end <= FOUR_GIB)
    return { start: standing.start, end: standing.end };
  const { ram, avoid } = placementMemory(withoutReservations(machine));
  // Entries may follow each other without a gap, and a reservation lies in one.
  const places = ram.flatMap((entry) => findPlace(freeRanges([entry], avoid), size) ?? []);
  return places.reduce<Range | undefined>(
    (best, place) => (best === undefined || place.start > best.start ? place : best),
    undefined,
  );
}

function findPlace(free: readonly Range[], size: bigint): Range | undefined {
  return findHole(free, {
    name: 'the panic kernel',
    size,
    alignment: ALIGNMENT,
    minimum: LOWEST,
    maximum: FOUR_GIB,
    direction: 'top-down',
  });
}

/**
 * `crashkernel=SIZE@ADDRESS`. A panic kernel that is loaded by file is placed by the kernel on trial, which then chooses
 * the place itself: an address could be taken by what the running kernel leaves behind there.
 */
export function reservationArgument(range: Range, method: LoadMethod): string {
  const size = `crashkernel=${rangeSize(range) >> 10n}K`;
  return method === 'file' ? size : `${size}@0x${range.start.toString(16)}`;
}

/**
 * The machine as the kernel on trial will see it, as far as a panic kernel is planned from it. Where its CPUs leave
 * their registers and where its VMCOREINFO lies, nobody knows before it runs: the first act puts them in. The
 * kernel's own addresses are random, and readers of a dump find them without.
 */
export function machineOnTrial(machine: MachineFacts, reservation: Range): MachineFacts {
  const entries = withEntry(withoutReservations(machine), reservation);
  const { crash, kexec } = machine;
  return {
    ...machine,
    iomem: { state: 'read', value: entries, source: machine.iomem.source },
    kexec: {
      ...kexec,
      crashSize: { state: 'read', value: rangeSize(reservation), source: 'the reservation of the trial' },
      crashElfcorehdrSize: unknownYet(kexec.crashElfcorehdrSize),
    },
    crash: hideAddresses(crash),
  };
}

function hideAddresses(crash: CrashFacts): CrashFacts {
  return {
    ...crash,
    kernelText: unknownYet(crash.kernelText),
    directMapBase: unknownYet(crash.directMapBase),
    cmaRanges: unknownYet(crash.cmaRanges),
  };
}

function unknownYet<T>({ source }: Reading<T>): Reading<T> {
  return { state: 'absent', source };
}

function crashKernels(entries: readonly IomemEntry[]): readonly IomemEntry[] {
  return entries.flatMap((entry) => [
    ...(entry.name === CRASH_KERNEL ? [entry] : []),
    ...crashKernels(entry.children),
  ]);
}

/** The running kernel's reservation is memory like any other once that kernel is left. */
function withoutReservations(machine: MachineFacts): MachineFacts {
  const drop = (entries: readonly IomemEntry[]): IomemEntry[] =>
    entries
      .filter(({ name }) => name !== CRASH_KERNEL)
      .map((entry) => ({ ...entry, children: drop(entry.children) }));
  return { ...machine, iomem: { ...machine.iomem, state: 'read', value: drop(requireIomem(machine)) } };
}

/** What lies in the range now is gone with the kernel that put it there. */
function withEntry(machine: MachineFacts, { start, end }: Range): IomemEntry[] {
  return requireIomem(machine).map((entry) =>
    entry.name === 'System RAM' && entry.start <= start && end <= entry.end
      ? {
          ...entry,
          children: [...entry.children, { name: CRASH_KERNEL, start, end, children: [] }].sort((a, b) =>
            a.start < b.start ? -1 : 1,
          ),
        }
      : entry,
  );
}
