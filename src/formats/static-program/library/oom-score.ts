/**
 * How readily the kernel kills a process when memory is short, for a static program.
 * @module
 */
import { fn } from '../functions.ts';
import { giveBack, set, when } from '../statements.ts';
import { sys } from '../terms.ts';
import { LINUX } from './linux.ts';
import { writeAll } from './output.ts';

/** Never, as long as there is another one (Documentation/filesystems/proc.rst, 3.1). */
export const SPARED = '-1000';

/** Writes a decimal number of `size` characters into an oom_score_adj: 0, or a negative errno. */
export const setOomScore = fn(
  'setOomScore',
  ['path', 'text', 'size'],
  ['fd', 'status'],
  ({ path, text, size, fd, status }) => [
    set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_WRONLY | LINUX.O_CLOEXEC)),
    when([fd, '<', 0], [giveBack(fd)]),
    set(status, writeAll(fd, text, size)),
    sys.close(fd),
    giveBack(status),
  ],
);
