/**
 * What an initramfs is prepared for, and whether one that is there serves it: an entry of the cache is no worse for having
 * been trimmed for a device more.
 * @module
 */
import { createHash } from 'node:crypto';
import type { InitramfsNeeds } from '../machine/initramfs-needs.ts';
import { valueOf } from '../machine/reading.ts';
import { mapReading } from '../machine/source.ts';
import { isCovered, passingNeeds } from '../plan/initramfs/covered-needs.ts';
import { argumentModules } from '../plan/initramfs/named-modules.ts';
import { isSameRoot } from '../plan/preflight/device-names.ts';
import type { InitramfsWish } from './prepare-initramfs.ts';
import type { PreparedRecord } from './prepared-record.ts';

/** What an initramfs has to be for. */
export interface InitramfsPurpose {
  /** As `variantOf` says it. */
  readonly variant: string;
  /** As of the wish. */
  readonly needs: InitramfsNeeds | undefined;
}

/**
 * Everything that decides what comes out, besides the files and what comes and goes while the machine runs
 * (`passingNeeds`): the packing and, when modules are left out, what decides which.
 */
export function variantOf(wish: InitramfsWish): string {
  if (wish.needs === undefined) return `complete ${wish.packing}`;
  const { devices, loadedModules, fileSystems, blockDevices, mappings } = wish.needs;
  const decisive = {
    release: wish.release,
    isSameRoot: mapReading(wish.runningCommandLine, (running) =>
      isSameRoot(running, wish.commandLine, valueOf(fileSystems)),
    ),
    named: argumentModules(wish.commandLine).sort(),
    fileSystems: mapReading(fileSystems, (types) => [...types].sort()),
    // Only whether they can be read: otherwise nothing is trimmed.
    passing: [devices, loadedModules, blockDevices, mappings].map((reading) =>
      mapReading<unknown, true>(reading, () => true),
    ),
  };
  return `trimmed ${wish.packing} ${digestOf(decisive)}`;
}

/** Everything that decides what comes out, besides the files. Two purposes that are the same have the same result. */
export function exactPurpose({ variant, needs }: InitramfsPurpose): string {
  return needs === undefined ? variant : `${variant} ${digestOf(passingNeeds(needs) ?? 'not known')}`;
}

/** Whether what is recorded is for the purpose: it was made for the same, or trimmed for more. */
export function servesPurpose(
  { variant, initramfs }: Pick<PreparedRecord, 'variant' | 'initramfs'>,
  purpose: InitramfsPurpose,
): boolean {
  if (variant !== purpose.variant) return false;
  const covered = initramfs?.trimmed?.covered;
  return covered === undefined || (purpose.needs !== undefined && isCovered(purpose.needs, covered));
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
