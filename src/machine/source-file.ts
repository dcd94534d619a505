/**
 * A file that is read a piece at a time: dumps are larger than memory.
 * @module
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { KhopError } from '../error.ts';
import type { ByteSource } from '../formats/byte-source.ts';

/** An open file; closed when disposed. */
export interface SourceFile extends ByteSource, Disposable {}

/** @throws E_NOT_FOUND or E_UNREADABLE, also later by `read` when the disk fails */
export function openSourceFile(path: string): SourceFile {
  const descriptor = attempt(path, () => openSync(path, 'r'));
  const read = (offset: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(Math.max(0, length));
    let done = 0;
    while (done < bytes.length) {
      const count = attempt(path, () =>
        readSync(descriptor, bytes, done, bytes.length - done, offset + done),
      );
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  };
  const stats = fstatSync(descriptor);
  return {
    name: path,
    size: stats.isBlockDevice() ? deviceSize(read) : stats.size,
    read,
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

const SECTOR = 512;

/** fstat says 0 for a disk: the last sector that can be read is found by halving. */
function deviceSize(read: (offset: number, length: number) => Uint8Array): number {
  const has = (sector: number) => read(sector * SECTOR, 1).length === 1;
  let [low, high] = [0, 1];
  while (high < 2 ** 43 && has(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (has(middle)) low = middle;
    else high = middle;
  }
  return high * SECTOR;
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new KhopError(
      code === 'ENOENT' ? 'E_NOT_FOUND' : 'E_UNREADABLE',
      `${path} cannot be read: ${(cause as Error).message}`,
      {
        hint: code === 'ENOENT' ? 'Check the path.' : 'Check its permissions, or run as root.',
        cause,
      },
    );
  }
}
