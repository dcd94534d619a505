/**
 * The folder of what crashes left: one folder a crash, written by the capture program.
 * @module
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { syncFolder, writeDurably } from './durable-file.ts';
import type { Reading } from './reading.ts';

/** The largest ring (CONFIG_LOG_BUF_SHIFT 25) as text with prefixes is rarely longer; of more, the end counts. */
const TEXT_LIMIT = 32 * 1024 * 1024;

/** What a file takes; one with holes takes less than its size. */
export interface DiskUse {
  readonly name: string;
  readonly bytes: number;
}

/** st_blocks counts in these, stat(2). */
const SECTOR = 512;

/** The names of the folders in `folder`, sorted. */
export function readFolderNames(folder: string): Reading<readonly string[]> {
  return attempt(folder, () =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort(),
  );
}

/** The text of a file, whatever its bytes are; of a huge one its end. Only regular files are read. */
export function readFileText(folder: string, name: string): Reading<string> {
  const path = join(folder, name);
  return attempt(path, () => {
    const descriptor = openSync(path, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const bytes = Buffer.alloc(Math.min(size, TEXT_LIMIT));
      let length = 0;
      for (let got = 1; got > 0 && length < bytes.length; length += got)
        got = readSync(descriptor, bytes, length, bytes.length - length, size - bytes.length + length);
      return bytes.toString('utf8', 0, length);
    } finally {
      closeSync(descriptor);
    }
  });
}

/** Removes a folder or file with all that is in it; what is not there is removed already. @throws what fs throws */
export function removeCrashFiles(path: string): void {
  rmSync(path, { recursive: true, force: true });
  syncFolder(dirname(path));
}

/** The sizes of those of `names` that are in the folder, bytes on disk. */
export function sizesOnDisk(folder: string, names: readonly string[]): readonly DiskUse[] {
  return names.flatMap((name) => {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ name, bytes: stats.blocks * SECTOR }];
  });
}

export function hasFolder(path: string): boolean {
  return existsSync(path);
}

/**
 * Makes `folder`/`name` with `files` in it. It has its name only when everything in it is durable; until then, the name
 * ends with `.partial`. @param files their texts by name
 */
export function publishFolder(folder: string, name: string, files: ReadonlyMap<string, string>): void {
  const partial = join(folder, `${name}.partial`);
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  for (const [file, text] of files) writeDurably(join(partial, file), text);
  renameSync(partial, join(folder, name));
  syncFolder(folder);
}

function attempt<T>(source: string, read: () => T): Reading<T> {
  try {
    return { state: 'read', value: read(), source };
  } catch (error) {
    const reason = String((error as NodeJS.ErrnoException).code ?? error);
    return reason === 'ENOENT' || reason === 'ENOTDIR'
      ? { state: 'absent', source }
      : { state: 'unreadable', source, reason };
  }
}
