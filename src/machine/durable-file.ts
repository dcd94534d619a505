/**
 * Files that survive a power cut at any line: written beside, synced, renamed, and the folder synced.
 * @module
 */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** After this the names in a folder survive a power cut. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A folder is only there after a power cut when its parent was synced, too. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
}

/** Readable by root alone, unless `mode` says otherwise: whatever the umask, and whatever was there. */
function writeSynced(path: string, flags: 'w' | 'a', text: string, mode?: number): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    if (mode !== undefined) fchmodSync(descriptor, mode);
    const bytes = Buffer.from(text);
    for (let offset = 0; offset < bytes.length; ) offset += writeSync(descriptor, bytes, offset);
    fsyncSync(descriptor);
  } catch (error) {
    // A descriptor has no name; a person who reads that there is no space wants to know where.
    throw Object.assign(error as Error, { path });
  } finally {
    closeSync(descriptor);
  }
}

/**
 * After this returns the file has `text`; if it does not return, it has what it had before.
 * @param mode permission bits; 0600 unless told
 */
export function writeDurably(path: string, text: string, mode?: number): void {
  const folder = dirname(path);
  makeFolder(folder);
  const beside = `${path}.new`;
  try {
    writeSynced(beside, 'w', text, mode);
    renameSync(beside, path);
  } catch (error) {
    removeIfPossible(beside);
    throw error;
  }
  syncFolder(folder);
}

/** Half a file takes the space that may be what is missing. */
function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The error that led here is the one that counts.
  }
}

/** Puts the file `beside`, which another program has written, in the place of `path`. */
export function replaceDurably(path: string, beside: string): void {
  const descriptor = openSync(beside, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(beside, path);
  syncFolder(dirname(path));
}

/** Adds whole lines. A power cut can leave a torn last line, which the next append ends first. */
export function appendDurably(path: string, lines: string): void {
  const folder = dirname(path);
  makeFolder(folder);
  const before = readIfPresent(path);
  const isTorn = before !== undefined && before !== '' && !before.endsWith('\n');
  writeSynced(path, 'a', isTorn ? `\n${lines}` : lines);
  if (before === undefined) syncFolder(folder);
}

/** Gives the file another name in its folder, durably, and whatever had that name is gone. */
export function renameDurably(path: string, to: string): void {
  renameSync(path, to);
  syncFolder(dirname(to));
}

/** Removes the file, durably; it is no error when it is not there. */
export function removeDurably(path: string): void {
  rmSync(path, { force: true });
  try {
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** The text, or undefined when there is no such file. Any other failure is thrown. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
