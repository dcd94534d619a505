/**
 * The memory in which a panic kernel waits for a kernel that does not run yet. A kernel chooses the place of its
 * reservation when it starts, and the panic kernel has to be planned before that: so the kernel on trial is told
 * the place, `crashkernel=SIZE@ADDRESS`, and no part of the switch goes there.
 * @module
 */
import { type Range, rangeSize } from '../../formats/range.ts';
import type { CrashFacts, IomemEntry, MachineFacts } from '../../machine/facts.ts';
import type { Reading } from '../../machine/reading.ts';
import { hasArgument } from '../command-line.ts';
import type { LoadMethod, LoadPlan } from '../load-plan.ts';
import { placementMemory, requireIomem } from '../machine-memory.ts';
import { findHole, freeRanges } from '../placement.ts';
import { LOWEST_UNPACKED } from '../x86-64/bzimage-segments.ts';

const CRASH_KERNEL = 'Crash kernel';
/** reserve_crashkernel on x86-64 asks for 16 MiB, on arm64 for 2. */
const ALIGNMENT = 0x100_0000n;
/** Below it, every panic kernel can be reached by every device. */
const FOUR_GIB = 0x1_0000_0000n;
/** Where kernels and their decompressors begin: left to them. */
const LOWEST = 0x1000_0000n;
/** The same where the kernel on trial is put above what this is for. */
const LOWEST_BELOW_KERNEL = 0x400_0000n;

/**
 * Where `size` bytes are reserved for the kernel on trial: on x86-64 below the places that a decompressor draws from, so
 * that no kernel unpacks itself there; else where the running kernel has its reservation when that is large enough, else
 * at the highest place below 4 GiB. Undefined when there is no such place.
 * @throws E_UNREADABLE
 */
export function trialReservation(machine: MachineFacts, size: bigint): Range | undefined {
  const standing = crashKernels(requireIomem(machine)).at(-1);
  const isEnough = standing !== undefined && rangeSize(standing) >= size;
  // What an administrator wants to be reserved is there also when the trial is over.
  const low = hasRoomAbove(machine)
    ? highestPlace(machine, isEnough ? rangeSize(standing) : size, LOW)
    : undefined;
  if (low !== undefined) return low;
  if (isEnough && standing.end <= FOUR_GIB) return { start: standing.start, end: standing.end };
  return highestPlace(machine, size, { start: LOWEST, end: FOUR_GIB });
}

/** For the kernel on trial, with its initramfs and all that the two unpack. */
const ROOM_ABOVE = 0x2000_0000n;

function hasRoomAbove(machine: MachineFacts): boolean {
  if (machine.architecture !== 'x86-64') return false;
  const above = requireIomem(machine)
    .filter(({ name }) => name === 'System RAM')
    .map(({ start, end }) => end - (start > LOWEST_UNPACKED ? start : LOWEST_UNPACKED))
    .filter((size) => size > 0n);
  return above.reduce((sum, size) => sum + size, 0n) >= ROOM_ABOVE;
}

const LOW: Range = { start: LOWEST_BELOW_KERNEL, end: LOWEST_UNPACKED };

function highestPlace(machine: MachineFacts, size: bigint, within: Range): Range | undefined {
  const { ram, avoid } = placementMemory(withoutReservations(machine));
  // Entries may follow each other without a gap, and a reservation lies in one.
  const places = ram.flatMap((entry) => findPlace(freeRanges([entry], avoid), size, within) ?? []);
  return places.reduce<Range | undefined>(
    (best, place) => (best === undefined || place.start > best.start ? place : best),
    undefined,
  );
}

function findPlace(free: readonly Range[], size: bigint, { start, end }: Range): Range | undefined {
  return findHole(free, {
    name: 'the panic kernel',
    size,
    alignment: ALIGNMENT,
    minimum: start,
    maximum: end,
    direction: 'top-down',
  });
}

/** Whether the kernel on trial is to lie above it, so that it cannot unpack itself there. */
export function isBelowKernels(machine: MachineFacts, { end }: Range): boolean {
  return machine.architecture === 'x86-64' && end <= LOWEST_UNPACKED;
}

/**
 * Whether the kernel of this plan may unpack itself into the range: then it reserves nothing there. khop puts no part of
 * the plan there, so only a decompressor can, which draws an address and is told of no reservation to come.
 */
export function mayUnpackInto(plan: LoadPlan, range: Range): boolean {
  if (plan.architecture !== 'x86-64' || hasArgument(plan.commandLine, 'nokaslr')) return false;
  if (plan.method !== 'segments') return true;
  if (plan.directEntry?.isUsed === true) return false;
  const kernel = plan.segments.find(({ name }) => name === 'kernel');
  return kernel === undefined || kernel.address < LOWEST_UNPACKED || range.end > LOWEST_UNPACKED;
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
