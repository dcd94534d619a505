/**
 * The name of a report's folder in a URL (RFC 3986, section 3.3).
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import { appendByte, bytesOf } from '../../formats/static-program/library/growing-text.ts';
import { loopWhile, set, when } from '../../formats/static-program/statements.ts';
import { load, type Term } from '../../formats/static-program/terms.ts';
import { reportName } from './report-name.ts';

/** What a URL gives a meaning to, in a name that a kernel chose: `"`, `#`, `%`, `<`, `>`, `?`. */
const MEANINGFUL = [0x22, 0x23, 0x25, 0x3c, 0x3e, 0x3f];

/** Adds it to a growing text, with `_` for what would mean something else. */
export const appendUrlName = fn('appendUrlName', ['text'], ['at', 'letter'], ({ text, at, letter }) => {
  const isMeaningful = MEANINGFUL.reduce<Term>((any, code) => [any, '||', [letter, '==', code]], 0);
  return [
    set(at, bytesOf(reportName)),
    set(letter, load.u8(at)),
    loopWhile(letter, [
      when(isMeaningful, [set(letter, 0x5f)]),
      appendByte(text, letter),
      set(at, [at, '+', 1]),
      set(letter, load.u8(at)),
    ]),
  ];
});
