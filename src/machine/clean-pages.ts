/**
 * Pages of a mapped file that say what the file says: they can be given back while somebody reads them, and come from
 * the page cache again. /proc/self/pagemap: Documentation/admin-guide/mm/pagemap.rst of the kernel.
 * @module
 */
import { constants, getPriority, setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { forgetPages, isMapped } from './mapped-file.ts';
import { valueOf } from './reading.ts';
import { readDeviceBytes } from './source.ts';
import { addressOf, startSyscall } from './syscall.ts';
import { readPageSize } from './system.ts';

const ENTRY_SIZE = 8;
/** Of the high half of an entry: the page is in memory; is swapped out; is of a file, or shared. */
const PRESENT = 1 << 31;
const SWAPPED = 1 << 30;
const OF_FILE = 1 << 29;
/** Shorter runs cost more calls than they give back. */
const SHORTEST_RUN = 64 * 1024;
/** A kernel copies some MiB in this time. */
const FORGET_EVERY_MS = 2;

/**
 * The runs of such pages, whole pages each; none where `bytes` are not of `mapFile`, or that cannot be read. A page that
 * was written to is this process's own, and in none of them.
 */
export function cleanRuns(bytes: Uint8Array): Uint8Array[] {
  if (!isMapped(bytes)) return [];
  const pageSize = valueOf(readPageSize('/'));
  if (pageSize === undefined) return [];
  const address = addressOf(bytes);
  const skipped = Number(-address & BigInt(pageSize - 1));
  const pages = bytes.subarray(skipped, skipped + Math.floor((bytes.length - skipped) / pageSize) * pageSize);
  const entries = readEntries(address + BigInt(skipped), pages.length / pageSize, pageSize);
  const runs: Uint8Array[] = [];
  let start = 0;
  for (let page = 0; page <= entries.length; page++) {
    if (page < entries.length && isClean(entries[page]!)) continue;
    if ((page - start) * pageSize >= SHORTEST_RUN)
      runs.push(pages.subarray(start * pageSize, page * pageSize));
    start = page + 1;
  }
  return runs;
}

/**
 * How much memory `bytes` take of this process alone. What only says what a mapped file says takes none: the kernel takes
 * such pages back when memory is short.
 */
export function heldBytes(bytes: Uint8Array): number {
  return cleanRuns(bytes).reduce((held, run) => held - run.length, bytes.length);
}

function isClean(entry: number): boolean {
  return (entry & PRESENT) === 0 ? (entry & SWAPPED) === 0 : (entry & OF_FILE) !== 0;
}

/** What pagemap says of the pages from `address` on: the high halves of its entries. Empty when it cannot be read. */
function readEntries(address: bigint, pages: number, pageSize: number): Int32Array {
  const position = (address / BigInt(pageSize)) * BigInt(ENTRY_SIZE);
  const bytes = valueOf(readDeviceBytes('/', '/proc/self/pagemap', position, pages * ENTRY_SIZE));
  if (bytes?.length !== pages * ENTRY_SIZE) return new Int32Array(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from({ length: pages }, (_, page) => view.getInt32(page * ENTRY_SIZE + 4, true));
}

/**
 * Waits for the work that `start` begins, which reads `runs` once from their beginnings to their ends, and gives back
 * meanwhile what they take of memory.
 */
export async function forgettingPages<T>(runs: readonly Uint8Array[], start: () => Promise<T>): Promise<T> {
  if (runs.length === 0) return await start();
  // Another thread is there by then, and does not inherit what this one gets.
  await startSyscall('getpid');
  using _urgent = beUrgent();
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  const work = start();
  work.then(over, over);
  while (!isOver && tryForget(runs)) await setTimeout(FORGET_EVERY_MS);
  return await work;
}

/** Gives back what nobody has written into; it is read from the file again. */
export function forgetCleanPages(bytes: Uint8Array): void {
  tryForget(cleanRuns(bytes));
}

/** Whether it could be done: what only saves memory must not end a load. */
function tryForget(runs: readonly Uint8Array[]): boolean {
  try {
    for (const run of runs) forgetPages(run);
    return true;
  } catch {
    return false;
  }
}

/** Where there is one processor, the kernel would copy a dozen MiB before this thread has its turn. */
function beUrgent(): Disposable {
  const before = getPriority();
  trySetPriority(constants.priority.PRIORITY_HIGHEST);
  return { [Symbol.dispose]: () => trySetPriority(before) };
}

/** Of this thread alone. Where it is not allowed to, the thread waits for its turn. */
function trySetPriority(priority: number): void {
  try {
    setPriority(priority);
  } catch {}
}
