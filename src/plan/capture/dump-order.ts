/**
 * What a capture is asked for besides the report: the memory of the kernel that died.
 * @module
 */
import type { ChildLimits } from './bounded-child.ts';

/** A program of the distribution and everything that it needs, for an initramfs. */
export interface DumpProgram {
  /** Its files, below DUMP_FOLDER. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** How it is started: its path first, as execve takes it, without the dump to read and the one to write. */
  readonly command: readonly string[];
}

export interface DumpOrder extends ChildLimits {
  /** Leaves out what makedumpfile can leave out; undefined: all memory is saved. */
  readonly filter: DumpProgram | undefined;
  /** Later than this none is begun, ms from the start of the kernel. */
  readonly latestStartMs: number;
}

/** Where the initramfs has the files of a program. */
export const DUMP_FOLDER = '/dump';
