/**
 * A file as memory of this process: pages come from the page cache when they are touched, and go back when
 * memory is short. A copy of its own, which reading makes, costs its whole size once more.
 *
 * Whoever makes a mapped file shorter ends this process with SIGBUS: only for files that nobody else writes, or that
 * leased-file.ts keeps others from writing.
 * @module
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { addressOf, memoryAt, syscall } from './syscall.ts';

const PROT_READ_WRITE = 3;
const MAP_PRIVATE = 2;
const MADV_DONTNEED = 4;

/** What mapFile has given out. */
const mapped = new WeakSet<ArrayBufferLike>();

/** Whether the bytes are of a mapping of `mapFile`. */
export function isMapped({ buffer }: Uint8Array): boolean {
  return mapped.has(buffer);
}

/**
 * The content as it is now. What is written into it stays in this process; the mapping ends with it.
 * @throws E_SYSCALL; errors of node:fs when it cannot be opened
 */
export function mapFile(path: string): Uint8Array {
  const descriptor = openSync(path, 'r');
  try {
    return mapDescriptor(descriptor, path);
  } finally {
    closeSync(descriptor);
  }
}

/** As `mapFile`, of a file that is open; the mapping does not need it any longer. @throws E_SYSCALL; errors of node:fs */
export function mapDescriptor(descriptor: number, path: string): Uint8Array {
  const { size } = fstatSync(descriptor);
  if (size === 0) return new Uint8Array(0);
  const address = syscall(
    'mmap',
    { name: 'addr', value: null },
    { name: 'length', value: size },
    { name: 'prot', value: PROT_READ_WRITE, shown: 'PROT_READ|PROT_WRITE' },
    { name: 'flags', value: MAP_PRIVATE, shown: 'MAP_PRIVATE' },
    { name: 'fd', value: descriptor, shown: `${descriptor}<${path}>` },
    { name: 'offset', value: 0 },
  );
  const bytes = memoryAt(address, size);
  mapped.add(bytes.buffer);
  return bytes;
}

/**
 * Gives back what bytes of a mapped file take of memory. They can be read on, and say what the file says: what was
 * written into them is gone.
 * @param bytes begin at a multiple of the page size in the file
 * @throws E_SYSCALL
 */
export function forgetPages(bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  syscall(
    'madvise',
    { name: 'addr', value: addressOf(bytes) },
    { name: 'length', value: bytes.length },
    { name: 'advice', value: MADV_DONTNEED, shown: 'MADV_DONTNEED' },
  );
}
