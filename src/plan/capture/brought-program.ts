/**
 * A program of the distribution in the capture kernel: brought along with its loader and libraries, started without
 * an environment, since there is nothing of a distribution around it.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { type SystemCall, sys, type Term, wordsAt } from '../../formats/static-program/terms.ts';

/** A program and everything that it needs, for an initramfs. */
export interface BroughtProgram {
  /** Where the initramfs has its files: absolute, directly below the root. */
  readonly folder: string;
  readonly files: readonly {
    readonly name: string;
    readonly bytes: Uint8Array;
    /** 0755 unless told. */
    readonly mode?: number;
  }[];
  /** How it is started: its path first, as execve takes it. */
  readonly command: readonly string[];
}

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;
/** Exit status of a child that could not become another program, as shells have it. */
export const NOT_STARTED = 127;

/** Becomes the program. Gives back only a negative errno. */
export function become({ command }: BroughtProgram, ...more: readonly Term[]): SystemCall {
  const [program = ''] = command;
  return sys.execve(program, wordsAt(...command, ...more, 0), wordsAt(0));
}

/** What this process says of its errors goes to the kernel's console. */
export const complainOnConsole = fn('complainOnConsole', [], ['fd'], ({ fd }) => [
  set(fd, sys.openat(LINUX.AT_FDCWD, '/dev/kmsg', LINUX.O_WRONLY)),
  when([fd, '<', 0], [giveBack(fd)]),
  giveBack(sys.dup3(fd, STDERR, 0)),
]);
