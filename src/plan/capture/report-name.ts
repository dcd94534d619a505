/**
 * The name of a report's folder, in the capture program: `2026-11-29T003000Z-6.1.0-50-amd64`.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import {
  appendByte,
  appendBytes,
  appendNumber,
  appendText,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { decimalAt } from '../../formats/static-program/library/text.ts';
import { giveBack, loopWhile, set, store, when } from '../../formats/static-program/statements.ts';
import { load, sys, zeroed } from '../../formats/static-program/terms.ts';
import { keyAt } from './vmcoreinfo-keys.ts';

const NAME_ROOM = 256;
const CLOCK_REALTIME = 0;
const DAY = 86_400;
/** Names of releases are below 65 bytes, __NEW_UTS_LEN. */
const RELEASE_LENGTH = 64;
const SLASH = 47;

/** A growing text, see the library's output.ts. */
export const reportName = textMemory(NAME_ROOM);

const now = zeroed(16);

/** When the kernel died, in seconds since 1970: it says so itself since 4.x, else it was just now. */
const crashTime = fn('crashTime', [], ['at'], ({ at }) => [
  set(at, keyAt('CRASHTIME=')),
  when(at, [giveBack(decimalAt(at))]),
  sys.clock_gettime(CLOCK_REALTIME, now),
  giveBack(load.u64(now)),
]);

const appendTwoDigits = fn('appendTwoDigits', ['value'], [], ({ value }) => [
  appendNumber(reportName, value, 10, 2, 48),
]);

/**
 * The date of a day since 1970. Years are counted from March here, so that the leap day is a year's last; 400 of
 * them have 146,097 days, and the first of March of the year 0 was 719,468 days before 1970.
 */
const appendDate = fn(
  'appendDate',
  ['day'],
  ['era', 'ofEra', 'year', 'ofYear', 'month'],
  ({ day, era, ofEra, year, ofYear, month }) => [
    set(day, [day, '+', 719_468]),
    set(era, [day, '/', 146_097]),
    set(ofEra, [day, '%', 146_097]),
    set(year, [
      [[ofEra, '-', [ofEra, '/', 1460]], '+', [[ofEra, '/', 36_524], '-', [ofEra, '/', 146_096]]],
      '/',
      365,
    ]),
    set(ofYear, [ofEra, '-', [[[year, '*', 365], '+', [year, '/', 4]], '-', [year, '/', 100]]]),
    set(month, [[[ofYear, '*', 5], '+', 2], '/', 153]),
    set(ofYear, [[ofYear, '-', [[[month, '*', 153], '+', 2], '/', 5]], '+', 1]),
    set(month, [[month, '+', 3], '-', [[month, '>=', 10], '*', 12]]),
    appendNumber(reportName, [[[era, '*', 400], '+', year], '+', [month, '<=', 2]], 10, 4, 48),
    appendText(reportName, '-'),
    appendTwoDigits(month),
    appendText(reportName, '-'),
    appendTwoDigits(ofYear),
  ],
);

/** Of a line, what can stand in the name of a folder. */
const appendLine = fn('appendLine', ['at'], ['size', 'letter'], ({ at, size, letter }) => [
  set(letter, load.u8(at)),
  loopWhile(
    [
      [[letter, '>', 32], '&&', [letter, '<', 127]],
      '&&',
      [[letter, '!=', SLASH], '&&', [size, '<', RELEASE_LENGTH]],
    ],
    [set(size, [size, '+', 1]), set(letter, load.u8([at, '+', size]))],
  ),
  appendBytes(reportName, at, size),
]);

/** Makes the name. */
export const nameReport = fn('nameReport', [], ['time', 'release'], ({ time, release }) => [
  startText(reportName, NAME_ROOM),
  set(time, crashTime()),
  appendDate([time, '/', DAY]),
  set(time, [time, '%', DAY]),
  appendText(reportName, 'T'),
  appendTwoDigits([time, '/', 3600]),
  appendTwoDigits([[time, '/', 60], '%', 60]),
  appendTwoDigits([time, '%', 60]),
  appendText(reportName, 'Z'),
  set(release, keyAt('OSRELEASE=')),
  when(release, [appendText(reportName, '-'), appendLine(release)]),
  // It is a text for system calls as well.
  appendByte(reportName, 0),
  store.u64(reportName, [sizeOf(reportName), '-', 1]),
]);
