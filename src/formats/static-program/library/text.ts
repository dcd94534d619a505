/**
 * Understanding text in a static program: the kernel's command line, VMCOREINFO, files of /proc and /sys. The address
 * 0, which `findValue` gives for what is not there, is taken for an empty text: a missing line must not be the end of a
 * kernel's first process.
 * @module
 */
import { fn } from '../functions.ts';
import { giveBack, leaveLoop, loop, loopWhile, set, when } from '../statements.ts';
import { load } from '../terms.ts';
import { areSame } from './memory.ts';

/** The code of a character. */
function codeOf(character: string): number {
  return character.charCodeAt(0);
}

/** Bytes of a text in front of its NUL. */
export const lengthOf = fn('lengthOf', ['text'], ['at'], ({ text, at }) => [
  when([text, '==', 0], [giveBack(0)]),
  set(at, text),
  loopWhile(load.u8(at), [set(at, [at, '+', 1])]),
  giveBack([at, '-', text]),
]);

/** The decimal number that a text begins with, up to the first other character; 0 when there is none. */
export const decimalAt = fn('decimalAt', ['text'], ['value', 'digit'], ({ text, value, digit }) => [
  when([text, '==', 0], [giveBack(0)]),
  loop([
    set(digit, [load.u8(text), '-', codeOf('0')]),
    when([digit, '>u', 9], [leaveLoop]),
    set(value, [[value, '*', 10], '+', digit]),
    set(text, [text, '+', 1]),
  ]),
  giveBack(value),
]);

/** The hexadecimal number, in either case and without 0x, that a text begins with; 0 when there is none. */
export const hexAt = fn('hexAt', ['text'], ['value', 'digit'], ({ text, value, digit }) => [
  when([text, '==', 0], [giveBack(0)]),
  loop([
    set(digit, [load.u8(text), '-', codeOf('0')]),
    when(
      [digit, '>u', 9],
      [
        // Bit 5 is all that upper and lower case differ in.
        set(digit, [[load.u8(text), '|', 0x20], '-', codeOf('a')]),
        when([digit, '>u', 5], [leaveLoop]),
        set(digit, [digit, '+', 10]),
      ],
    ),
    set(value, [[value, '<<', 4], '|', digit]),
    set(text, [text, '+', 1]),
  ]),
  giveBack(value),
]);

/**
 * The address behind `key`, which ends with its own `=`, in `size` bytes of text; 0 when it is not there. A key
 * counts only at the start of a word, so that `SIZE(list)=` is not found in `OLDSIZE(list)=`.
 */
export const findValue = fn(
  'findValue',
  ['text', 'size', 'key'],
  ['keySize', 'at', 'before'],
  ({ text, size, key, keySize, at, before }) => [
    set(keySize, lengthOf(key)),
    set(before, codeOf('\n')),
    loopWhile(
      [[at, '+', keySize], '<=u', size],
      [
        when(
          [[before, '<=u', codeOf(' ')], '&&', areSame([text, '+', at], key, keySize)],
          [giveBack([[text, '+', at], '+', keySize])],
        ),
        set(before, load.u8([text, '+', at])),
        set(at, [at, '+', 1]),
      ],
    ),
    giveBack(0),
  ],
);
