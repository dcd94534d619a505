/**
 * Memory of a static program: eight bytes at a time as long as there are so many.
 * @module
 */
import { fn } from '../functions.ts';
import { giveBack, loopWhile, set, store, when } from '../statements.ts';
import { load } from '../terms.ts';

/** Copies `size` bytes upwards: `to` may overlap `from` only from below. */
export const copyBytes = fn('copyBytes', ['to', 'from', 'size'], ['at'], ({ to, from, size, at }) => [
  loopWhile(
    [[at, '+', 8], '<=u', size],
    [store.u64([to, '+', at], load.u64([from, '+', at])), set(at, [at, '+', 8])],
  ),
  loopWhile([at, '<u', size], [store.u8([to, '+', at], load.u8([from, '+', at])), set(at, [at, '+', 1])]),
]);

export const zeroBytes = fn('zeroBytes', ['to', 'size'], ['at'], ({ to, size, at }) => [
  loopWhile([[at, '+', 8], '<=u', size], [store.u64([to, '+', at], 0), set(at, [at, '+', 8])]),
  loopWhile([at, '<u', size], [store.u8([to, '+', at], 0), set(at, [at, '+', 1])]),
]);

/** 1 when the bytes are the same, else 0. */
export const areSame = fn('areSame', ['a', 'b', 'size'], ['at'], ({ a, b, size, at }) => [
  loopWhile(
    [[at, '+', 8], '<=u', size],
    [when([load.u64([a, '+', at]), '!=', load.u64([b, '+', at])], [giveBack(0)]), set(at, [at, '+', 8])],
  ),
  loopWhile(
    [at, '<u', size],
    [when([load.u8([a, '+', at]), '!=', load.u8([b, '+', at])], [giveBack(0)]), set(at, [at, '+', 1])],
  ),
  giveBack(1),
]);
