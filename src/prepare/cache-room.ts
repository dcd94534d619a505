/**
 * Room for the cache. Hooks of package managers fill it unattended, and what shares its file system (logs, databases,
 * the next package) needs the room more than a switch needs to be fast.
 * @module
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FileIdentity } from './prepared-record.ts';
import { removeOutdated, surplusFor } from './prepared-removal.ts';
import { preparedFolder, removePrepared, removeUnfinished } from './prepared-store.ts';

/** Stays free for others: so many bytes, or that part of a file system that is small. */
const RESERVE_BYTES = 256 * 1024 * 1024;
const RESERVE_PART = 0.05;

/**
 * Sees to it that the cache can take an entry. Where it cannot, what fits no files any more goes first, then what would
 * have to go for the entry anyway.
 * @param bytes what it takes
 * @param files what it is made from, when it is about to be written
 * @returns why there is no room, one clause; undefined when there is
 */
export function makeRoom(
  cacheFolder: string,
  bytes: number,
  files: readonly FileIdentity[] = [],
): string | undefined {
  const folder = preparedFolder(cacheFolder);
  if (bytes === 0 || lackOfRoom(folder, bytes) === undefined) return undefined;
  removeUnfinished(cacheFolder);
  removeOutdated(cacheFolder);
  if (lackOfRoom(folder, bytes) === undefined) return undefined;
  if (files.length > 0) for (const surplus of surplusFor(cacheFolder, files)) removePrepared(surplus);
  return lackOfRoom(folder, bytes);
}

function lackOfRoom(folder: string, bytes: number): string | undefined {
  const space = readSpace(folder);
  if (space === undefined) return undefined;
  const reserve = Math.min(RESERVE_BYTES, space.totalBytes * RESERVE_PART);
  if (bytes + reserve <= space.freeBytes) return undefined;
  const sizes = [bytes, space.freeBytes, reserve].map((size) => `${(size / 2 ** 20).toFixed(1)} MiB`);
  return `it takes ${sizes[0]} in ${folder}, where ${sizes[1]} are free and ${sizes[2]} shall stay so`;
}

/** Of the file system that the folder is on, or will be. Undefined where that has no size, as the ramfs of an initramfs. */
function readSpace(folder: string): { readonly totalBytes: number; readonly freeBytes: number } | undefined {
  try {
    const { blocks, bavail, bsize } = statfsSync(folder);
    return blocks === 0 ? undefined : { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    // Not there yet. What else is wrong with it, writing will say.
    return dirname(folder) === folder ? undefined : readSpace(dirname(folder));
  }
}
