/**
 * Which prepared kernels have to go: those that fit no files any more, those that another version of khop made, and all
 * but a few for the same files.
 * @module
 */
import { type InitramfsPurpose, servesPurpose } from './initramfs-purpose.ts';
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

/** For the same files: one for the machine as it is, and one complete, packed smaller, or for what it has at another place. */
const ENTRIES_KEPT = 2;

/** An entry that was just made. */
interface MadeEntry {
  readonly entry: PreparedEntry;
  readonly needs: InitramfsPurpose['needs'];
}

/**
 * Entries for the same files but the newest few: a device that comes may make another one, and each is as large as an
 * unpacked system. What would have served instead of the one that was made goes in any case: it has decayed, lacks
 * something, or is not wanted.
 * @param made is kept in any case, whatever the clock says; undefined: it is still to be made
 */
export function surplusFor(
  cacheFolder: string,
  files: readonly FileIdentity[],
  made?: MadeEntry,
): PreparedEntry[] {
  const others = listForFiles(cacheFolder, files, isAsItWas).filter(
    ({ folder }) => folder !== made?.entry.folder,
  );
  const kept = others.filter((other) => !isReplaced(other, made)).slice(0, ENTRIES_KEPT - 1);
  return others.filter((other) => !kept.includes(other));
}

function isReplaced({ record }: PreparedEntry, made: MadeEntry | undefined): boolean {
  return (
    made !== undefined && servesPurpose(record, { variant: made.entry.record.variant, needs: made.needs })
  );
}

/** Removes them, now that the entry is there. */
export function removeSurplus(cacheFolder: string, made: MadeEntry): void {
  const { image, initrds } = made.entry.record;
  for (const surplus of surplusFor(cacheFolder, [image, ...initrds], made))
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
