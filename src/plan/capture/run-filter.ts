/**
 * makedumpfile in the capture kernel: started with what khop brought for it, in the current folder.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { giveBack, set, when } from '../../formats/static-program/statements.ts';
import { sys } from '../../formats/static-program/terms.ts';
import { type BroughtProgram, become, STDERR, STDOUT } from './brought-program.ts';

/** What it says: why it failed, or that it does not know the kernel and did what it could. */
const FILTER_MESSAGES = 'makedumpfile.txt';

/** Becomes the program, which reads /proc/vmcore and writes `path`. Gives back only a negative errno. */
export function becomeFilter(program: BroughtProgram, path: string): ProgramFunction<readonly []> {
  return fn('becomeFilter', [], ['fd'], ({ fd }) => [
    set(
      fd,
      sys.openat(LINUX.AT_FDCWD, FILTER_MESSAGES, LINUX.O_WRONLY | LINUX.O_CREAT | LINUX.O_TRUNC, 0o600),
    ),
    when([fd, '<', 0], [giveBack(fd)]),
    sys.dup3(fd, STDOUT, 0),
    sys.dup3(fd, STDERR, 0),
    giveBack(become(program, '/proc/vmcore', path)),
  ]);
}
