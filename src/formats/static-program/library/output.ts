/**
 * Writing from a static program to a descriptor.
 * @module
 */
import { fn } from '../functions.ts';
import { giveBack, loopWhile, nextRound, set, when } from '../statements.ts';
import { sys } from '../terms.ts';
import { LINUX } from './linux.ts';

/** Writes all of `size` bytes, however many calls that takes: 0, or a negative errno. */
export const writeAll = fn(
  'writeAll',
  ['fd', 'bytes', 'size'],
  ['written'],
  ({ fd, bytes, size, written }) => [
    loopWhile(size, [
      set(written, sys.write(fd, bytes, size)),
      when([written, '==', -LINUX.EINTR], [nextRound]),
      when([written, '<', 0], [giveBack(written)]),
      when([written, '==', 0], [giveBack(-LINUX.EIO)]),
      set(bytes, [bytes, '+', written]),
      set(size, [size, '-', written]),
    ]),
  ],
);
