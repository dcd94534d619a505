/**
 * Whether this machine has the memory for a load, and the new kernel for its initramfs.
 * @module
 */
import { heldBytes } from '../machine/clean-pages.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { type LoadMemory, loadMemoryOf, roomFor, unpackingRoom } from '../plan/load-memory.ts';
import type { LoadPlan } from '../plan/load-plan.ts';

/** Left free beside what the load needs, bytes: khop itself goes on working until it is made. */
const MEMORY_RESERVE = 32 * 1024 * 1024;

/** Bytes of an initramfs. */
export interface InitramfsSizes {
  readonly packedBytes: number;
  readonly unpackedBytes: number;
}

/** Why a plan had better not be carried out, one clause. */
export interface RoomProblem {
  readonly text: string;
  /** Whether less of it might do. */
  readonly isRoom: boolean;
  /** It would do, and leave little for the rest: better than none. */
  readonly isBearable?: boolean;
}

/** What `plan` takes of this machine's memory, with what this process has mapped as it is now. */
export function loadMemory(plan: LoadPlan): LoadMemory {
  return loadMemoryOf(plan, heldBytes);
}

/**
 * What stands in the way of `plan`; undefined when there is room. What the preflight would refuse for want of memory is
 * among it, and so is what it would only warn of.
 * @param initramfs of the plan; undefined: not known
 */
export function roomProblem(
  plan: LoadPlan,
  machine: Pick<MachineFacts, 'memoryAvailableBytes' | 'memoryTotalBytes'>,
  initramfs: InitramfsSizes | undefined,
): RoomProblem | undefined {
  const { segmentBytes, neededBytes } = loadMemory(plan);
  const total = bytesOf(machine.memoryTotalBytes);
  // What a panic kernel has is reserved, and its own checks look at it.
  const isNormal = plan.slot === 'normal';
  if (isNormal && total !== undefined && segmentBytes > total / 2)
    return problem(`it takes ${mib(segmentBytes)} of memory, and the kernel allows half of ${mib(total)}`);
  const available = bytesOf(machine.memoryAvailableBytes);
  if (available === undefined)
    return { text: `${machine.memoryAvailableBytes.source} cannot be read`, isRoom: false };
  const needed = neededBytes + MEMORY_RESERVE;
  if (needed > available)
    return problem(`it needs ${mib(needed)} of memory, and ${mib(available)} are available`);
  // Packed and unpacked.
  const unpacking =
    isNormal && initramfs !== undefined && total !== undefined
      ? unpackingRoom(initramfs, total, plan.commandLine)
      : undefined;
  if (unpacking?.room === 'none')
    return problem(
      `it takes ${mib(unpacking.neededBytes)} in the new kernel, which has ${mib(unpacking.limitBytes)} for it`,
    );
  if (unpacking?.room === 'scarce')
    return bearable(`it takes most of ${mib(total!)} while the new kernel starts`);
  if (roomFor(neededBytes, available) !== 'ample')
    return bearable(`it needs ${mib(neededBytes)} of memory, and only ${mib(available)} are available`);
  return undefined;
}

function problem(text: string): RoomProblem {
  return { text, isRoom: true };
}

function bearable(text: string): RoomProblem {
  return { text, isRoom: true, isBearable: true };
}

function bytesOf(reading: MachineFacts['memoryTotalBytes']): number | undefined {
  const value = valueOf(reading);
  return value === undefined ? undefined : Number(value);
}

function mib(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
