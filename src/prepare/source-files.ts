/**
 * The files that a plan or a prepared kernel is made from, and whether they are still what was read. The kernel's
 * modules change with them: who starts the one that was read a while ago may find none for it.
 * @module
 */
import { changed } from '../machine/leased-file.ts';
import type { FileIdentity } from './prepared-record.ts';
import { identifyFile, isSameFile } from './prepared-store.ts';

/** To be asked before anything is read. What cannot be looked at is left out: who reads it says why. */
export function identifySources(paths: readonly string[]): FileIdentity[] {
  return paths.flatMap((path) => identifyOrNone(path) ?? []);
}

/** @throws E_REFUSED naming one that is gone, or is not as it was */
export function requireUnchanged(files: readonly FileIdentity[]): void {
  for (const file of files) {
    const now = identifyOrNone(file.path);
    if (now === undefined || !isAsItWas(file, now)) throw changed(file.path);
  }
}

/**
 * Whether it is the same file as far as can be told without reading it. On FAT a file has another inode each time that
 * it is looked up anew, on btrfs it may be on another device each time that it is mounted.
 */
export function isAsItWas(before: FileIdentity, now: FileIdentity): boolean {
  const fields = ['path', 'size', 'modifiedNs', 'changedNs'] as const;
  return isSameFile(before, now) || fields.every((field) => before[field] === now[field]);
}

function identifyOrNone(path: string): FileIdentity | undefined {
  try {
    return identifyFile(path);
  } catch {
    return undefined;
  }
}
