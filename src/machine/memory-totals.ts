/**
 * How much memory a kernel has, and how much of it it keeps for a panic kernel.
 * @module
 */
import { readIomem, readMeminfo } from './memory.ts';
import { type Reading, valueOf } from './reading.ts';
import { integerOf, mapReading, readText } from './source.ts';

export interface MemoryTotals {
  /** MemTotal: without what the kernel keeps for itself, for a panic kernel and for firmware. Bytes. */
  readonly totalBytes: number;
  /** All reservations by `crashkernel=`, bytes. */
  readonly crashBytes: number;
}

export function readMemoryTotals(root: string): Reading<MemoryTotals> {
  const crashBytes = readCrashBytes(root);
  return mapReading(readMeminfo(root, 'MemTotal'), (total) => ({ totalBytes: Number(total), crashBytes }));
}

/** Only /proc/iomem has the low reservation as well, but hides it from all but root. */
function readCrashBytes(root: string): number {
  const entries = valueOf(readIomem(root))?.flatMap((entry) => [entry, ...entry.children]) ?? [];
  const reserved = entries.filter(({ name }) => name === 'Crash kernel');
  if (reserved.length > 0) return reserved.reduce((sum, { start, end }) => sum + Number(end - start), 0);
  return ['/sys/kernel/kexec/crash_size', '/sys/kernel/kexec_crash_size']
    .map((path) => valueOf(mapReading(readText(root, path), integerOf)))
    .reduce<number>((largest, bytes) => Math.max(largest, bytes ?? 0), 0);
}
