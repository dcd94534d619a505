/**
 * A large file that others may write, as memory of this process. A read lease has the kernel hold off whoever opens it
 * for writing or makes it shorter, until the lease is given up or fs.lease-break-time (45 s) is over: fcntl(2), Leases.
 * So what was checked is what is loaded, and no page of the mapping goes away under its reader.
 * @module
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { KhopError } from '../error.ts';
import { mapDescriptor } from './mapped-file.ts';
import { type SyscallArgument, type SyscallOutcome, trySyscall } from './syscall.ts';

const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_GETLEASE = 1025;
const F_RDLCK = 0;
/** What a broken lease sends. SIGIO, which it sends otherwise, would end this process; this one is ignored. */
const SIGURG = 23;

/** Of less, a copy costs less than the program that makes it. */
const SMALLEST = 16 * 1024 * 1024;
const READ_STEP = 1024 * 1024;

/** That nobody changes a file. */
export interface FileLease {
  readonly path: string;
  /** Of the file that is mapped, whatever has its name by now. Open as long as this process lives. */
  readonly descriptor: number;
  /** False as soon as somebody waits to write: the kernel makes them wait for some time, and no longer. */
  readonly isHeld: () => boolean;
}

/** By the memory that they are mapped to. */
const leases = new WeakMap<ArrayBufferLike, FileLease>();

/** What keeps the file of `bytes` as it is; undefined when they are not of `mapLeased`. */
export function leaseOf({ buffer }: Uint8Array): FileLease | undefined {
  return leases.get(buffer);
}

/** @throws E_REFUSED when somebody is about to change a leased file that one of `all` is of, or has changed it */
export function requireLeases(all: readonly Uint8Array[]): void {
  for (const bytes of all) {
    const lease = leaseOf(bytes);
    if (lease !== undefined && !lease.isHeld()) throw changed(lease.path);
  }
}

/** What was read or mapped is no longer what is in the file. */
export function changed(path: string): KhopError {
  return new KhopError('E_REFUSED', `${path} has changed since it was read and checked`, {
    hint: 'Wait until what changes it (a package update) is done, then run the command again.',
  });
}

/**
 * @param largest bytes; a larger file is left alone
 * @returns undefined where it is better read: a small file, one that somebody has open for writing, or on a file system without
 * leases; and whatever is no file that can be read, since reading says what is wrong with it.
 */
export function mapLeased(path: string, largest: number): Uint8Array | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  const bytes = tryMap(descriptor, path, largest);
  if (bytes === undefined) {
    closeSync(descriptor);
    return undefined;
  }
  const isHeld = (): boolean => {
    const answer = control(descriptor, { name: 'cmd', value: F_GETLEASE, shown: 'F_GETLEASE' });
    return answer.ok && answer.value === BigInt(F_RDLCK);
  };
  leases.set(bytes.buffer, { path, descriptor, isHeld });
  return bytes;
}

function tryMap(descriptor: number, path: string, largest: number): Uint8Array | undefined {
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile() || status.size < SMALLEST || status.size > largest) return undefined;
    const orders = [
      [
        { name: 'cmd', value: F_SETSIG, shown: 'F_SETSIG' },
        { name: 'arg', value: SIGURG },
      ],
      [
        { name: 'cmd', value: F_SETLEASE, shown: 'F_SETLEASE' },
        { name: 'arg', value: F_RDLCK },
      ],
    ];
    if (!orders.every((order) => control(descriptor, ...order).ok)) return undefined;
    return canBeRead(descriptor) ? mapDescriptor(descriptor, path) : undefined;
  } catch {
    return undefined;
  }
}

/** What a disk cannot give is an error to who reads, and ends who only looks at a mapping. */
function canBeRead(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const step = new Uint8Array(READ_STEP);
  for (let at = 0; at < size; ) {
    const count = readSync(descriptor, step, 0, step.length, at);
    if (count === 0) return false;
    at += count;
  }
  return true;
}

function control(descriptor: number, ...args: readonly SyscallArgument[]): SyscallOutcome {
  return trySyscall('fcntl', { name: 'fd', value: descriptor }, ...args);
}
