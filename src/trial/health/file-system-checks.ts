/**
 * Whether the file systems are mounted again, and can be written.
 * @module
 */
import type { ConfiguredMount } from '../../machine/configured-mounts.ts';
import { type CheckOutcome, compare, type HealthCheck, outcomeOf, passed } from './check.ts';
import { stateOfMissing } from './start-checks.ts';

type MountBefore = Pick<ConfiguredMount, 'mountPoint' | 'identity' | 'isWritable'>;

export const FILE_SYSTEM_CHECKS: readonly HealthCheck[] = [
  {
    id: 'system.mounts',
    phase: 'system',
    isRequired: true,
    run: ({ world, baseline }) => compare(baseline.mounts, world.readMounts(), judgeMounts),
  },
  {
    id: 'system.root-writable',
    phase: 'system',
    isRequired: true,
    run: async ({ world, baseline }) => {
      const missing = await stateOfMissing(world);
      return compare(baseline.mounts, world.readMounts(), (before, now) => judgeRoot(before, now, missing));
    },
  },
];

function judgeMounts(before: readonly MountBefore[], now: readonly ConfiguredMount[]): CheckOutcome {
  const at = (mountPoint: string) => now.find((mount) => mount.mountPoint === mountPoint);
  const wrong = before.flatMap(({ mountPoint, identity }) => {
    const found = at(mountPoint)?.identity;
    return identity === null || found == null || found === identity
      ? []
      : [`${mountPoint} is ${found}, before ${identity}`];
  });
  if (wrong.length > 0)
    return {
      state: 'failed',
      detail: wrong.join('; '),
      remedy:
        'Mount by UUID= in /etc/fstab and on the command line: names of devices differ between kernels.',
    };
  return outcomeOf(
    before
      .filter(({ mountPoint }) => at(mountPoint) === undefined)
      .map((each) => `${each.mountPoint} is not mounted`),
    'waiting',
    `mounted as before: ${before.map(({ mountPoint }) => mountPoint).join(', ')}`,
    'Look whether the new kernel has the file system and the driver of its disk.',
  );
}

/** A start mounts `/` read-only first, and makes it writable after it was checked. */
function judgeRoot(
  before: readonly MountBefore[],
  now: readonly ConfiguredMount[],
  missing: 'waiting' | 'failed',
): CheckOutcome {
  const rootOf = <T extends MountBefore>(mounts: readonly T[]) =>
    mounts.find((each) => each.mountPoint === '/');
  const root = rootOf(now);
  if (rootOf(before)?.isWritable !== true) return passed('/ was not writable before either');
  if (root === undefined) return { state: 'failed', detail: 'no file system is mounted on /' };
  if (root.hasFailed)
    return {
      state: 'failed',
      detail: '/ was made read-only after an error',
      remedy: 'Look in the kernel log for errors of the disk and the file system.',
    };
  return root.isWritable
    ? passed('/ can be written')
    : { state: missing, detail: '/ is mounted read-only, before it could be written' };
}
