/**
 * Whether this machine has the memory for a load.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { LoadPlan } from '../plan/load-plan.ts';

/** Left free beside what the load needs: the kernel wants pages for its own lists and tables. Bytes. */
const MEMORY_RESERVE = 32n * 1024n * 1024n;

/** Why there is no room for `plan`, one clause; undefined when there is. */
export function roomProblem(
  plan: LoadPlan,
  machine: Pick<MachineFacts, 'memoryAvailableBytes' | 'memoryTotalBytes'>,
): string | undefined {
  const load = loadBytes(plan);
  const total = valueOf(machine.memoryTotalBytes);
  // kernel/kexec_core.c, sanity_check_segment_list().
  if (total !== undefined && load > total / 2n)
    return `it takes ${mib(load)} of memory, and the kernel allows half of ${mib(total)}`;
  const available = valueOf(machine.memoryAvailableBytes);
  if (available === undefined) return `${machine.memoryAvailableBytes.source} cannot be read`;
  const needed = load + MEMORY_RESERVE;
  if (needed > available) return `it needs ${mib(needed)} of memory, and ${mib(available)} are available`;
  return undefined;
}

/** Bytes that the running kernel keeps for the load. */
function loadBytes(plan: LoadPlan): bigint {
  if (plan.method === 'file') return BigInt(plan.image.bytes.length + (plan.initrd?.bytes.length ?? 0));
  return plan.segments.reduce((sum, segment) => sum + BigInt(segment.memorySize), 0n);
}

function mib(bytes: bigint): string {
  return `${bytes >> 20n} MiB`;
}
