/**
 * What a dump is and whether all of it is there.
 * @module
 */

import { ELF_MACHINES } from '../elf.ts';
import { type Range, rangeSize } from '../range.ts';
import { readCpuRegisters } from './cpu-registers.ts';
import type { CrashedMemory, DumpFormat } from './crashed-memory.ts';
import { parseVmcoreinfo } from './vmcoreinfo.ts';

/** Facts for a person; what the dump does not say is undefined. */
export interface DumpFacts {
  readonly format: DumpFormat;
  readonly isFlattened: boolean;
  readonly architecture: string;
  readonly kernelRelease: string | undefined;
  readonly buildId: string | undefined;
  /** Epoch seconds: of the crash, else of the dump. */
  readonly crashedAt: number | undefined;
  /** CPUs whose registers are in the file. */
  readonly cpusWithRegisters: number;
  /** Names of the pages that were left out on purpose. */
  readonly leftOut: readonly string[] | undefined;
  readonly memoryRanges: readonly Range[];
  /** Bytes. */
  readonly memorySize: bigint;
  readonly savedSize: bigint;
  readonly problems: readonly string[];
}

/** Bits of makedumpfile's -d. */
const DUMP_LEVEL = ['zero pages', 'non-private cache', 'private cache', 'user data', 'free pages'];

/** Reads the lists of pages too: that is all of a bitmap, some ms for each GiB of memory. */
export function readDumpFacts(dump: CrashedMemory): DumpFacts {
  const info = dump.vmcoreinfo === undefined ? undefined : parseVmcoreinfo(dump.vmcoreinfo);
  const memoryRanges = dump.memoryRanges();
  const { dumpLevel } = dump;
  return {
    format: dump.format,
    isFlattened: dump.isFlattened,
    architecture:
      Object.entries(ELF_MACHINES).find(([, machine]) => machine === dump.machine)?.[0] ?? 'unknown',
    kernelRelease: info?.get('OSRELEASE'),
    buildId: info?.get('BUILD-ID'),
    crashedAt: epochSeconds(info?.get('CRASHTIME')) ?? (dump.savedAt || undefined),
    cpusWithRegisters: readCpuRegisters(dump).length,
    leftOut: dumpLevel === undefined ? undefined : DUMP_LEVEL.filter((_name, bit) => (dumpLevel >> bit) & 1),
    memoryRanges,
    memorySize: memoryRanges.reduce((sum, range) => sum + rangeSize(range), 0n),
    savedSize: dump.savedBytes(),
    problems: dump.problems,
  };
}

function epochSeconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) : undefined;
}
