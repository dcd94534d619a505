/**
 * The files of an initrd, for a plan. Large ones stay in their files, so that what a load has in memory does not grow
 * with them.
 * @module
 */
import { resolve } from 'node:path';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { FILE_LIMIT, readNamedFile } from '../kernels/kernel-files.ts';
import { mapLeased } from '../machine/leased-file.ts';

/**
 * @param isWayHome the disk may be what fails: it is read once, and kept
 * @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for a file that is not there, cannot be read, or is empty
 */
export function readInitrdFiles(paths: readonly string[], isWayHome: boolean): NamedBytes[] {
  return paths.map((name) => {
    const path = resolve(name);
    const bytes = isWayHome ? undefined : mapLeased(path, FILE_LIMIT);
    return bytes === undefined ? readNamedFile(name) : { name, path, bytes };
  });
}
