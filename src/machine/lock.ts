/**
 * One khop at a time: flock(2) on a file of /run. The kernel lets go of it however the holder ends.
 * @module
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { KhopError } from '../error.ts';
import { trySyscall } from './syscall.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Holds the lock until disposed. @throws E_BUSY at once when another process holds it */
export function lockFile(path: string): Disposable {
  mkdirSync(dirname(path), { recursive: true });
  const descriptor = openSync(path, 'w', 0o600);
  const result = trySyscall(
    'flock',
    { name: 'fd', value: descriptor },
    { name: 'operation', value: LOCK_EX | LOCK_NB },
  );
  if (result.ok) return { [Symbol.dispose]: () => closeSync(descriptor) };
  closeSync(descriptor);
  throw new KhopError('E_BUSY', `another khop is at work (${path} is locked)`, {
    hint: 'Wait for it; `khop status` tells what it does.',
  });
}
