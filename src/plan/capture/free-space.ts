/**
 * Room in the file system of the current folder: struct statfs, statfs(2), the same on both architectures.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { giveBack, when } from '../../formats/static-program/statements.ts';
import { load, sys, zeroed } from '../../formats/static-program/terms.ts';

const STATFS_SIZE = 120;
/** f_bsize and f_bavail: blocks that anybody may use, not those that only root may. */
const BLOCK_SIZE = 8;
const AVAILABLE = 32;

const answer = zeroed(STATFS_SIZE);

/** Bytes that can still be written there; 0 when that cannot be told. */
export const freeBytes = fn('freeBytes', [], [], () => [
  when([sys.statfs('.', answer), '<', 0], [giveBack(0)]),
  giveBack([load.u64([answer, '+', BLOCK_SIZE]), '*', load.u64([answer, '+', AVAILABLE])]),
]);
