/**
 * Which prepared kernels have to go: those that fit no files any more, those that another version of khop made, and all
 * but a few for the same files.
 * @module
 */
import type { FileIdentity } from './prepared-record.ts';
import {
  identifyFile,
  listForFiles,
  listNotUnderstood,
  listPrepared,
  type PreparedEntry,
  removePrepared,
} from './prepared-store.ts';
import { isAsItWas } from './source-files.ts';

/** For the same files: one trimmed for the machine as it is, and one complete, or packed smaller. */
const VARIANTS_KEPT = 2;

/**
 * Entries for the same files but the newest few. Each device and module that comes or goes makes another variant, and an
 * entry is as large as an unpacked system.
 * @param entry the one that is kept in any case, whatever the clock says; undefined: it is still to be made
 */
export function surplusFor(
  cacheFolder: string,
  files: readonly FileIdentity[],
  entry?: PreparedEntry,
): PreparedEntry[] {
  const others = listForFiles(cacheFolder, files, isAsItWas).filter(({ folder }) => folder !== entry?.folder);
  return others.slice(VARIANTS_KEPT - 1);
}

/** Removes them, now that `entry` is there. */
export function removeSurplus(cacheFolder: string, entry: PreparedEntry): void {
  const { image, initrds } = entry.record;
  for (const surplus of surplusFor(cacheFolder, [image, ...initrds], entry))
    try {
      removePrepared(surplus);
    } catch {
      // It is in nobody's way but the disk's, and the entry that was asked for is there: the next one tries again.
    }
}

/**
 * Removes entries whose kernel or initrd is gone or has changed, and those that nobody can read any more: they are as
 * large as the others.
 * @returns what was removed
 */
export function removeOutdated(cacheFolder: string): Pick<PreparedEntry, 'folder'>[] {
  const outdated = [
    ...listPrepared(cacheFolder).filter((entry) => !isFresh(entry)),
    ...listNotUnderstood(cacheFolder).map((folder) => ({ folder })),
  ];
  for (const entry of outdated) removePrepared(entry);
  return outdated;
}

/** Whether the files it was made from are there, as they were. */
export function isFresh({ record }: PreparedEntry): boolean {
  return [record.image, ...record.initrds].every(isUnchanged);
}

function isUnchanged(identity: FileIdentity): boolean {
  try {
    return isAsItWas(identity, identifyFile(identity.path));
  } catch {
    return false;
  }
}
