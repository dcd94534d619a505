/**
 * Reading files in a static program: those of /proc and /sys, whose size is not known before.
 * @module
 */
import { fn } from '../functions.ts';
import { giveBack, leaveLoop, loopWhile, nextRound, set, store, when } from '../statements.ts';
import { sys } from '../terms.ts';
import { LINUX } from './linux.ts';

/** Reads until there are `size` bytes or no more: their number, or a negative errno. */
export const readAll = fn(
  'readAll',
  ['fd', 'bytes', 'size'],
  ['sum', 'count'],
  ({ fd, bytes, size, sum, count }) => [
    loopWhile(
      [sum, '<u', size],
      [
        set(count, sys.read(fd, [bytes, '+', sum], [size, '-', sum])),
        when([count, '==', -LINUX.EINTR], [nextRound]),
        when([count, '<', 0], [giveBack(count)]),
        when([count, '==', 0], [leaveLoop]),
        set(sum, [sum, '+', count]),
      ],
    ),
    giveBack(sum),
  ],
);

/**
 * Reads a file into memory of `size` bytes and puts NUL behind it; what has no room is left out. The number of bytes
 * without that NUL, or a negative errno.
 */
export const readFile = fn(
  'readFile',
  ['path', 'bytes', 'size'],
  ['fd', 'count'],
  ({ path, bytes, size, fd, count }) => [
    store.u8(bytes, 0),
    set(fd, sys.openat(LINUX.AT_FDCWD, path, LINUX.O_RDONLY)),
    when([fd, '<', 0], [giveBack(fd)]),
    set(count, readAll(fd, bytes, [size, '-', 1])),
    sys.close(fd),
    when([count, '>=', 0], [store.u8([bytes, '+', count], 0)]),
    giveBack(count),
  ],
);
