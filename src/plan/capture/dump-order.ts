/**
 * What a capture is asked for besides the report: the memory of the kernel that died.
 * @module
 */
import type { ChildLimits } from './bounded-child.ts';
import type { BroughtProgram } from './brought-program.ts';

export interface DumpOrder extends ChildLimits {
  /**
   * makedumpfile, which leaves out what it can, without the dump to read and the one to write; undefined: all memory
   * is saved.
   */
  readonly filter: BroughtProgram | undefined;
  /** Later than this none is begun, ms from the start of the kernel. */
  readonly latestStartMs: number;
}

/** Where the initramfs has the files of makedumpfile. */
export const DUMP_FOLDER = '/dump';
