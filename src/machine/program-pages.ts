/**
 * The pages of program files that this process has touched. Half of what Node.js takes of memory are pages that only
 * its start has needed. /proc/self/smaps: Documentation/filesystems/proc.rst of the kernel.
 * @module
 */
import { forgetPages } from './mapped-file.ts';
import { valueOf } from './reading.ts';
import { readText } from './source.ts';
import { memoryAt } from './syscall.ts';

/** `55d0c9a00000-55d0cb000000 r-xp 00400000 fe:01 131 /usr/bin/khop` */
const HEADER = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ (\d+)/;
/** Pages that are this process's own, in memory or swapped out: they cannot come from the file again. */
const OWN = /^(Anonymous|Swap):\s+(\d+) kB/;
const OWN_LINES = 2;

/** Where a part of a program file is mapped. */
export interface ProgramPart {
  readonly address: bigint;
  /** Bytes. */
  readonly size: number;
}

/**
 * The parts that nothing was written into, and nobody can: each page of them says what the file says.
 * @param smaps as the kernel writes it
 */
export function unwrittenParts(smaps: string): ProgramPart[] {
  const mappings = smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  return mappings.flatMap((mapping) => {
    const lines = mapping.split('\n');
    const [, start, end, inode] = HEADER.exec(lines[0]!) ?? [];
    const own = lines.flatMap((line) => OWN.exec(line)?.[2] ?? []);
    if (inode === undefined || inode === '0') return [];
    // A kernel that does not say it of both says nothing.
    if (own.length !== OWN_LINES || own.some((kib) => kib !== '0')) return [];
    const address = BigInt(`0x${start}`);
    return [{ address, size: Number(BigInt(`0x${end}`) - address) }];
  });
}

/** Gives them back; what is needed again comes from the page cache. Where that cannot be done, nothing is. */
export function forgetProgram(): void {
  try {
    for (const { address, size } of unwrittenParts(valueOf(readText('/', '/proc/self/smaps')) ?? ''))
      forgetPages(memoryAt(address, size));
  } catch {
    // Nothing depends on it.
  }
}
