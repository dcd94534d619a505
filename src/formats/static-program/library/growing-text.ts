/**
 * A text that grows in memory of a static program: lines of a report, a path, an entry of a log.
 *
 * Its memory holds the bytes in use (u64), the bytes there is room for (u64), then the bytes. What finds no room is
 * left out: a report that is cut short is worth more than one that overwrites something.
 * @module
 */
import { fn } from '../functions.ts';
import { leaveLoop, loop, set, store, when } from '../statements.ts';
import { load, type Term, type Zeroed, zeroed } from '../terms.ts';
import { copyBytes } from './memory.ts';
import { lengthOf } from './text.ts';

const HEADER = 16;
/** A number is filled up to so many characters at most; 2^64 - 1 has 20. */
const MOST_DIGITS = 32;

/** Memory for a text of at most `size` bytes. */
export function textMemory(size: number): Zeroed {
  return zeroed(HEADER + size);
}

/** Empties the text; `size` is that of its memory. */
export const startText = fn('startText', ['text', 'size'], [], ({ text, size }) => [
  store.u64(text, 0),
  store.u64([text, '+', 8], size),
]);

/** Address of the first byte. */
export function bytesOf(text: Term): Term {
  return [text, '+', HEADER];
}

/** Bytes in use. */
export function sizeOf(text: Term): Term {
  return load.u64(text);
}

/** Adds bytes. */
export const appendBytes = fn(
  'appendBytes',
  ['text', 'bytes', 'size'],
  ['used', 'room'],
  ({ text, bytes, size, used, room }) => [
    set(used, sizeOf(text)),
    set(room, [load.u64([text, '+', 8]), '-', used]),
    when([size, '>u', room], [set(size, room)]),
    copyBytes([bytesOf(text), '+', used], bytes, size),
    store.u64(text, [used, '+', size]),
  ],
);

/** Adds what stands in front of a NUL. */
export const appendText = fn('appendText', ['text', 'added'], [], ({ text, added }) => [
  appendBytes(text, added, lengthOf(added)),
]);

/** Adds one byte. */
export const appendByte = fn('appendByte', ['text', 'byte'], [], ({ text, byte }) => {
  const one = zeroed(1);
  return [store.u8(one, byte), appendBytes(text, one, 1)];
});

/**
 * Adds an unsigned number in a base of 2 to 16, with `filler` in front of it up to `width` characters, 32 at most.
 * Base 2 shows the low 32 bits.
 */
export const appendNumber = fn(
  'appendNumber',
  ['text', 'value', 'base', 'width', 'filler'],
  ['count'],
  ({ text, value, base, width, filler, count }) => {
    const digits = zeroed(MOST_DIGITS);
    const here: Term = [[digits, '+', MOST_DIGITS], '-', count];
    return [
      loop([
        set(count, [count, '+', 1]),
        store.u8(here, load.u8(['0123456789abcdef', '+', [value, '%', base]])),
        set(value, [value, '/', base]),
        when([[value, '==', 0], '||', [count, '>=u', MOST_DIGITS]], [leaveLoop]),
      ]),
      loop([
        when([[count, '>=u', width], '||', [count, '>=u', MOST_DIGITS]], [leaveLoop]),
        set(count, [count, '+', 1]),
        store.u8(here, filler),
      ]),
      appendBytes(text, here, count),
    ];
  },
);
