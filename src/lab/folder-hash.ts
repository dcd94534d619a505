/**
 * What a folder contains as one value, for the names of folders in the cache.
 * @module
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** SHA-256 of the names and contents of all files below `folder`, in hex. */
export async function hashFolder(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    hash.update(`${file.slice(folder.length)}\0`);
    hash.update(await readFile(file));
  }
  return hash.digest('hex');
}
