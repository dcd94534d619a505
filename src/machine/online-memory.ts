/**
 * How much memory a kernel has found and put on line.
 * @module
 */
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readText } from './source.ts';
import { readPageSize } from './system.ts';

/** `        present  782336`: one line for each zone, mm/vmstat.c, zoneinfo_show_print(). */
const PRESENT = /^\s*present\s+(\d+)$/gm;

/**
 * Bytes, whoever has them: MemTotal lacks what the kernel keeps for itself and for a panic kernel, and what a balloon took
 * (adjust_managed_page_count). Memory that was added to a running machine and is off line is not there.
 */
export function readOnlineMemory(root: string): Reading<number> {
  const pageSize = valueOf(readPageSize(root));
  return mapReading(readText(root, '/proc/zoneinfo'), (text) => {
    const pages = [...text.matchAll(PRESENT)].reduce((sum, [, present]) => sum + Number(present), 0);
    return pageSize === undefined || pages === 0 ? undefined : pages * pageSize;
  });
}
