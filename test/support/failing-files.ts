/**
 * A power cut, or a file system that fails, at one operation on files: the n-th of a piece of work is not done,
 * or done by half, and after a power cut none behind it either.
 * @module
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** What changes the disk, in the modules that are tested. */
const OPERATIONS = [
  'mkdirSync',
  'openSync',
  'fchmodSync',
  'writeSync',
  'fsyncSync',
  'renameSync',
  'rmSync',
] as const;

/** `power-cut`: nothing happens any more; `error`: one operation fails with EIO, and the next ones work. */
export type FailureKind = 'power-cut' | 'error';

/** What is thrown in place of an operation. */
export class FileFailure extends Error {
  readonly code = 'EIO';
}

/**
 * Runs `work` with the `count`-th operation (from 0) failing.
 * @returns whether that many operations came, so that a loop over `count` knows its end
 */
export async function withFailure(
  kind: FailureKind,
  count: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const originals = OPERATIONS.map((name) => [name, fs[name]] as const);
  let seen = 0;
  let hasFailed = false;
  for (const [name, original] of originals) {
    const failing = (...args: unknown[]): unknown => {
      const call = original as (...all: unknown[]) => unknown;
      // Opening for reading changes nothing, and reading is what a failure is looked at with.
      const changes = name !== 'openSync' || args[1] !== 'r';
      const isFailing = kind === 'power-cut' ? seen >= count : seen === count;
      if (changes) seen += 1;
      if (!changes || !isFailing) return call(...args);
      // The first bytes reach the disk, the others do not.
      if (name === 'writeSync' && !hasFailed)
        call(args[0], (args[1] as Uint8Array).subarray(0, (args[1] as Uint8Array).length / 2));
      hasFailed = true;
      throw new FileFailure(`${name} did not come to its end`);
    };
    Object.assign(fs, { [name]: failing });
  }
  syncBuiltinESMExports();
  try {
    await work();
  } catch (error) {
    if (!hasFailed) throw error;
  } finally {
    for (const [name, original] of originals) Object.assign(fs, { [name]: original });
    syncBuiltinESMExports();
  }
  return hasFailed;
}
