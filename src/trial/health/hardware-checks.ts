/**
 * Whether the new kernel found the processors, the memory and the disks that the old one had.
 * @module
 */
import type { Disk } from '../../machine/disks.ts';
import { type CheckOutcome, compare, type HealthCheck, outcomeOf, passed } from './check.ts';
import { stateOfMissing } from './start-checks.ts';

/** Kernels differ in what they leave to the firmware, and in how they round. */
const LEAST_SLACK = 64 * 2 ** 20;
const SLACK_SHARE = 1 / 64;

export const HARDWARE_CHECKS: readonly HealthCheck[] = [
  {
    id: 'system.cpus',
    phase: 'system',
    isRequired: true,
    run: async ({ world, baseline }) => {
      const missing = await stateOfMissing(world);
      return compare(baseline.cpus, world.readCpus(), (before, now) => judgeCpus(before, now, missing));
    },
  },
  {
    id: 'system.memory',
    phase: 'system',
    isRequired: true,
    run: async ({ world, baseline }) => {
      const missing = await stateOfMissing(world);
      return compare(baseline.memory, world.readMemory(), (before, now) => judgeMemory(before, now, missing));
    },
  },
  {
    id: 'system.disks',
    phase: 'system',
    isRequired: true,
    run: ({ world, baseline }) =>
      compare(baseline.disks, world.readDisks(), (before, now) =>
        outcomeOf(
          missingDisks(before, now).map((disk) => `${describe(disk)} is not there`),
          // Controllers and networks of disks may take their time.
          'waiting',
          `disks: ${before.length}, all there`,
          'Look whether the new kernel has the driver of the controller, and whether its initrd has it.',
        ),
      ),
  },
];

function judgeCpus(before: number, now: number, missing: 'waiting' | 'failed'): CheckOutcome {
  if (now >= before) return passed(`${now} CPUs are online, before ${before}`);
  return {
    state: missing,
    detail: `${now} CPUs are online, before ${before}`,
    remedy: 'Look in the kernel log for CPUs that did not start, and for maxcpus= and nosmt.',
  };
}

function judgeMemory(before: number, now: number, missing: 'waiting' | 'failed'): CheckOutcome {
  const detail = `${mebibytes(now)} of memory, before ${mebibytes(before)}`;
  if (before - now <= Math.max(LEAST_SLACK, before * SLACK_SHARE)) return passed(detail);
  return {
    state: missing,
    detail,
    remedy: 'Compare the memory maps at the beginning of both kernel logs, and look for mem= and memmap=.',
  };
}

/** Each new disk stands for one old disk: first by ids, then, where one has none, by model and size. */
function missingDisks(before: readonly Disk[], now: readonly Disk[]): readonly Disk[] {
  const free = [...now];
  const take = (isSame: (candidate: Disk) => boolean): boolean => {
    const index = free.findIndex(isSame);
    if (index >= 0) free.splice(index, 1);
    return index >= 0;
  };
  const unmatched = before.filter((disk) => !take(({ ids }) => ids.some((id) => disk.ids.includes(id))));
  return unmatched.filter(
    (disk) =>
      !take(
        ({ ids, model, bytes }) =>
          (ids.length === 0 || disk.ids.length === 0) && model === disk.model && bytes === disk.bytes,
      ),
  );
}

function describe({ name, model, bytes, ids }: Disk): string {
  const words = [model ?? 'disk', mebibytes(bytes), ids[0]].filter((word) => word !== undefined);
  return `${name} (${words.join(', ')})`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
