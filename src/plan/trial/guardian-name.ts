/**
 * How the guardian shows in /proc. A systemd that leaves the initramfs kills what is left there, except what has @
 * as the first byte of its arguments (systemd, docs/ROOT_STORAGE_DAEMONS.md); and the agent has to find it.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { copyBytes, zeroBytes } from '../../formats/static-program/library/memory.ts';
import { argumentCount, argumentsOf, environmentOf } from '../../formats/static-program/library/process.ts';
import { lengthOf } from '../../formats/static-program/library/text.ts';
import { giveBack, loopWhile, set, when } from '../../formats/static-program/statements.ts';
import { load, sys } from '../../formats/static-program/terms.ts';
import { GUARDIAN } from '../../machine/guardian-words.ts';

/** linux/prctl.h. */
const PR_SET_NAME = 15;
const SIZE = GUARDIAN.argument.length + 1;
const E2BIG = 7;

/** The address behind the last text of a list that ends with 0; 0 for an empty one. */
const endOf = fn('endOf', ['texts'], ['last'], ({ texts, last }) => [
  loopWhile(load.u64(texts), [set(last, load.u64(texts)), set(texts, [texts, '+', 8])]),
  when(last, [giveBack([[last, '+', lengthOf(last)], '+', 1])]),
]);

/**
 * Renames this process: 0, or -E2BIG when arguments and environment together are too short.
 *
 * /proc/PID/cmdline shows the memory that the arguments were given in. The name may be longer than that: when their
 * last byte is no NUL any more, the kernel reads on into the environment, which lies behind (fs/proc/base.c,
 * get_mm_cmdline).
 */
export const nameGuardian = fn(
  'nameGuardian',
  ['stack'],
  ['first', 'end', 'farEnd'],
  ({ stack, first, end, farEnd }) => [
    sys.prctl(PR_SET_NAME, GUARDIAN.comm),
    when([argumentCount(stack), '==', 0], [giveBack(-E2BIG)]),
    set(first, load.u64(argumentsOf(stack))),
    set(end, endOf(argumentsOf(stack))),
    set(farEnd, endOf(environmentOf(stack))),
    when([farEnd, '<u', end], [set(farEnd, end)]),
    when([[first, '+', SIZE], '>u', farEnd], [giveBack(-E2BIG)]),
    copyBytes(first, GUARDIAN.argument, SIZE),
    set(first, [first, '+', SIZE]),
    when([first, '<u', end], [zeroBytes(first, [end, '-', first])]),
  ],
);
