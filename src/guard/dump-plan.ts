/**
 * From the dump that was asked for to what the panic kernel is given for it.
 * @module
 */
import type { ProgramFiles } from '../machine/program-files.ts';
import type { Reading } from '../machine/reading.ts';
import { COPY_MEMORY_BYTES } from '../plan/capture/copy-memory.ts';
import { DUMP_FOLDER, type DumpOrder } from '../plan/capture/dump-order.ts';
import { bringProgram, filesOf } from './bring-program.ts';
import type { GuardSettings } from './guard-settings.ts';
import type { GuardWorld } from './world.ts';

/** How the memory is saved. */
export interface DumpPlan {
  readonly order: DumpOrder;
  /** What is left out, and by whom; or why nothing is. */
  readonly how: string;
  /** Memory of the reservation that it takes besides its files in the initramfs, bytes. */
  readonly workingBytes: number;
  /** Those files, bytes. */
  readonly fileBytes: number;
  /** Paths of the files that it was made of. */
  readonly inputs: readonly string[];
}

/** Of the deadline: a dump that has not begun by then would not end, and after the other nothing may go on. */
const LATEST_START_SHARE = 0.7;
const END_SHARE = 0.85;
const MIB = 1024 * 1024;
/** makedumpfile 1.7 beside its files: its tables, and the bitmap of a cycle, which it fits into what is free. */
const FILTER_MEMORY_BYTES = 16 * MIB;
/**
 * Zero, cache, private cache, user and free pages are left out; it says errors and remarks, such as that it does not
 * know the kernel, and no progress.
 */
const FILTER_ARGUMENTS = ['-d', '31', '--message-level', '6'];

/** Undefined when none is asked for. Never throws: what is missing makes the dump a whole one. */
export function planDump(world: GuardWorld, settings: GuardSettings): DumpPlan | undefined {
  if (settings.dump === 'none') return undefined;
  const limits = {
    // Whole: 0.7 of 180 s is 125999.99999999999 ms, which no program can hold.
    latestStartMs: Math.floor(settings.deadlineSeconds * 1000 * LATEST_START_SHARE),
    untilMs: Math.floor(settings.deadlineSeconds * 1000 * END_SHARE),
    minimumFreeBytes: settings.minimumFreeMib * MIB,
  };
  const whole = (how: string): DumpPlan => ({
    order: { ...limits, filter: undefined },
    how,
    workingBytes: COPY_MEMORY_BYTES,
    fileBytes: 0,
    inputs: [],
  });
  if (settings.dump === 'whole') return whole('all memory that is not zero');
  const found = world.readProgramFiles('makedumpfile');
  if (found.state !== 'read') return whole(`all memory that is not zero: ${whyNotFiltered(found)}`);
  const files = filesOf(found.value);
  const compression = compressionOf(found.value.libraries.map(({ name }) => name));
  return {
    order: { ...limits, filter: bringProgram(found.value, DUMP_FOLDER, [compression, ...FILTER_ARGUMENTS]) },
    how: 'what makedumpfile does not leave out (-d 31)',
    workingBytes: FILTER_MEMORY_BYTES,
    fileBytes: files.reduce((sum, { bytes }) => sum + bytes.length, 0),
    inputs: files.map(({ path }) => path),
  };
}

function whyNotFiltered(found: Exclude<Reading<ProgramFiles>, { state: 'read' }>): string {
  return found.state === 'absent' ? 'makedumpfile is not installed' : found.reason;
}

/** The fastest that it was built with; zlib it always has. */
function compressionOf(libraries: readonly string[]): string {
  return libraries.some((name) => name.startsWith('liblzo2.')) ? '-l' : '-c';
}
