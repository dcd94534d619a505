/**
 * One khop at a time: flock(2) on a file of /run. The kernel lets go of it however the holder ends, so there are
 * no stale locks; the file's content only helps to name the holder.
 * @module
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { KhopError } from '../error.ts';
import { formatErrno } from './errno.ts';
import { trySyscall } from './syscall.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Holds the lock until disposed.
 * @throws E_BUSY at once when another process holds it; E_UNREADABLE when the file cannot be made or locked
 */
export function lockFile(path: string): Disposable {
  const descriptor = openLock(path);
  const result = trySyscall(
    'flock',
    { name: 'fd', value: descriptor },
    { name: 'operation', value: LOCK_EX | LOCK_NB },
  );
  if (result.ok) {
    nameHolder(descriptor);
    return { [Symbol.dispose]: () => closeSync(descriptor) };
  }
  const holder = readFileSync(descriptor, 'utf8').trim();
  closeSync(descriptor);
  if (result.name !== 'EAGAIN')
    throw new KhopError('E_UNREADABLE', `${path} cannot be locked: ${formatErrno(result.errno)}`, {
      hint: 'Put the run folder on a local file system.',
    });
  const who = /^\d+$/.test(holder) ? `process ${holder} holds ${path}` : `${path} is locked`;
  throw new KhopError('E_BUSY', `another khop is at work (${who})`, {
    hint: 'Wait for it; `khop status` tells what it does.',
  });
}

/** The lock is held all the same where the file system has no room left for a name. */
function nameHolder(descriptor: number): void {
  try {
    ftruncateSync(descriptor);
    writeSync(descriptor, `${process.pid}\n`, 0);
  } catch {}
}

/** Not emptied when opened: another process may hold it. */
function openLock(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'a+', 0o600);
  } catch (cause) {
    throw new KhopError('E_UNREADABLE', `${path} cannot be opened: ${(cause as Error).message}`, {
      hint: 'Run as root.',
      cause,
    });
  }
}
