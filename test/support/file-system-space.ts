/**
 * A file system that says of itself how much room it has.
 * @module
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const BLOCK = 4096;

/** Runs `work` with all file systems of `totalBytes`, of which `freeBytes` says how much is free. */
export function withSpace<T>(totalBytes: number, freeBytes: () => number, work: () => T): T {
  const original = fs.statfsSync;
  const answer = (path: fs.PathLike): fs.StatsFs => ({
    ...(original(path) as fs.StatsFs),
    bsize: BLOCK,
    blocks: Math.floor(totalBytes / BLOCK),
    bavail: Math.floor(freeBytes() / BLOCK),
  });
  Object.assign(fs, { statfsSync: answer });
  syncBuiltinESMExports();
  try {
    return work();
  } finally {
    Object.assign(fs, { statfsSync: original });
    syncBuiltinESMExports();
  }
}
