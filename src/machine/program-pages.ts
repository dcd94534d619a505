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
/** Pages that are this process's own: they cannot come from the file again. */
const OWN = /^Anonymous:\s+(\d+) kB/;

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
  const parts: ProgramPart[] = [];
  let part: ProgramPart | undefined;
  for (const line of smaps.split('\n')) {
    const header = HEADER.exec(line);
    if (header !== null) {
      const [address, end] = [BigInt(`0x${header[1]}`), BigInt(`0x${header[2]}`)];
      part = header[3] === '0' ? undefined : { address, size: Number(end - address) };
    }
    const own = OWN.exec(line);
    if (own === null) continue;
    if (own[1] === '0' && part !== undefined) parts.push(part);
    part = undefined;
  }
  return parts;
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
