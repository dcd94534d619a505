/**
 * The text that the capture program makes of the kernel log. Its end is what matters, so it is made twice: first
 * only counted, then all but what does not fit at its start is kept.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { giveBack, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { load, zeroed } from '../../formats/static-program/terms.ts';

/** Memory is used only as far as there is text; a ring of Debian's size makes 300 KiB. */
export const LOG_ROOM = 0x20_0000;
/** 2^64 - 1 has 20 decimal digits. */
const MOST_DIGITS = 24;
const NEWLINE = 10;

/** The text, and its length in bytes. */
export const logText = zeroed(LOG_ROOM);
export const logSize = zeroed(8);

/** Bytes put so far, and how many at the start are left out. */
const position = zeroed(8);
const skipped = zeroed(8);
const digits = zeroed(MOST_DIGITS);

/** Begins to count. */
export const startCounting = fn('startCounting', [], [], () => [
  store.u64(position, 0),
  store.u64(skipped, -1),
]);

/** Begins to keep, of as many bytes as were counted, what there is room for. */
export const startKeeping = fn('startKeeping', [], [], () => [
  store.u64(skipped, 0),
  when([load.u64(position), '>u', LOG_ROOM], [store.u64(skipped, [load.u64(position), '-', LOG_ROOM])]),
  store.u64(position, 0),
  store.u64(logSize, 0),
]);

export const putByte = fn('putByte', ['value'], [], ({ value }) => [
  when(
    [[load.u64(position), '>=u', load.u64(skipped)], '&&', [load.u64(logSize), '<u', LOG_ROOM]],
    [store.u8([logText, '+', load.u64(logSize)], value), store.u64(logSize, [load.u64(logSize), '+', 1])],
  ),
  store.u64(position, [load.u64(position), '+', 1]),
]);

/** A text that ends with NUL. */
export const putText = fn('putText', ['text'], [], ({ text }) => [
  loopWhile(load.u8(text), [putByte(load.u8(text)), set(text, [text, '+', 1])]),
]);

/** In decimal, unsigned, at least `width` wide with the character `padding` in front. */
export const putDecimal = fn(
  'putDecimal',
  ['value', 'width', 'padding'],
  ['count'],
  ({ value, width, padding, count }) => [
    store.u8(digits, [[value, '%', 10], '+', 48]),
    set(count, 1),
    set(value, [value, '/', 10]),
    loopWhile(value, [
      store.u8([digits, '+', count], [[value, '%', 10], '+', 48]),
      set(count, [count, '+', 1]),
      set(value, [value, '/', 10]),
    ]),
    loopWhile([width, '>', count], [putByte(padding), set(width, [width, '-', 1])]),
    loopWhile(count, [set(count, [count, '-', 1]), putByte(load.u8([digits, '+', count]))]),
  ],
);

/** Where, of a log that is longer than `most` bytes, its end begins: with a line. */
export const startOfTail = fn('startOfTail', ['most'], ['at'], ({ most, at }) => [
  when([load.u64(logSize), '<=u', most], [giveBack(0)]),
  set(at, [load.u64(logSize), '-', most]),
  loopWhile(
    [[at, '<u', load.u64(logSize)], '&&', [load.u8([[logText, '+', at], '-', 1]), '!=', NEWLINE]],
    [set(at, [at, '+', 1])],
  ),
  giveBack(at),
]);
