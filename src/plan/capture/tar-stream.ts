/**
 * A tape archive in memory, for a program that takes it from its standard input. Specification: POSIX.1-2017 pax, "ustar
 * Interchange Format"; formats/tar.ts reads it.
 * @module
 */
import { fn } from '../../formats/static-program/functions.ts';
import {
  appendNumber,
  bytesOf,
  sizeOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { copyBytes, zeroBytes } from '../../formats/static-program/library/memory.ts';
import { writeAll } from '../../formats/static-program/library/output.ts';
import { lengthOf } from '../../formats/static-program/library/text.ts';
import {
  giveBack,
  loopWhile,
  type Statement,
  set,
  store,
  when,
} from '../../formats/static-program/statements.ts';
import { load, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import { reportName } from './report-name.ts';

const BLOCK = 512;
const MFD_CLOEXEC = 1;
/** Offsets of fields, and how many digits a number has in front of its NUL. */
const FIELD = { mode: 100, size: 124, checksum: 148, type: 156, magic: 257, prefix: 345 } as const;
const DIGITS = { mode: 7, size: 11, checksum: 6 } as const;
/** For the sum, the field of the sum is eight blanks. */
const BLANKS = '        ';
const FOLDER = 0x35;
const FILE = 0x30;

const archive = zeroed(8);
const header = zeroed(BLOCK);
const padding = zeroed(2 * BLOCK);
const number = textMemory(32);

/** The descriptor. */
export function tarArchive(): Term {
  return load.u64(archive);
}

function octal(field: keyof typeof DIGITS, value: Term): readonly Statement[] {
  return [
    startText(number, 32),
    appendNumber(number, value, 8, DIGITS[field], 48),
    copyBytes([header, '+', FIELD[field]], bytesOf(number), sizeOf(number)),
  ];
}

/** Writes the header, whose names are there. Gives back 0 or a negative errno. */
const writeHeader = fn(
  'writeHeader',
  ['type', 'mode', 'size'],
  ['at', 'sum'],
  ({ type, mode, size, at, sum }) => [
    ...octal('mode', mode),
    ...octal('size', size),
    store.u8([header, '+', FIELD.type], type),
    copyBytes([header, '+', FIELD.magic], 'ustar', 6),
    copyBytes([[header, '+', FIELD.magic], '+', 6], '00', 2),
    copyBytes([header, '+', FIELD.checksum], BLANKS, BLANKS.length),
    loopWhile([at, '<u', BLOCK], [set(sum, [sum, '+', load.u8([header, '+', at])]), set(at, [at, '+', 1])]),
    ...octal('checksum', sum),
    store.u8([[header, '+', FIELD.checksum], '+', DIGITS.checksum], 0),
    giveBack(writeAll(tarArchive(), header, BLOCK)),
  ],
);

/** Begins one with the report's folder. Gives back 0 or a negative errno. */
export const startTar = fn('startTar', [], [], () => [
  store.u64(archive, sys.memfd_create('report', MFD_CLOEXEC)),
  when([tarArchive(), '<', 0], [giveBack(tarArchive())]),
  zeroBytes(header, BLOCK),
  copyBytes(header, bytesOf(reportName), sizeOf(reportName)),
  giveBack(writeHeader(FOLDER, 0o700, 0)),
]);

/** Adds a file of the report. Gives back 0 or a negative errno. */
export const addToTar = fn(
  'addToTar',
  ['name', 'bytes', 'size'],
  ['status'],
  ({ name, bytes, size, status }) => [
    zeroBytes(header, BLOCK),
    copyBytes(header, name, lengthOf(name)),
    copyBytes([header, '+', FIELD.prefix], bytesOf(reportName), sizeOf(reportName)),
    set(status, writeHeader(FILE, 0o600, size)),
    when(status, [giveBack(status)]),
    set(status, writeAll(tarArchive(), bytes, size)),
    when(status, [giveBack(status)]),
    giveBack(writeAll(tarArchive(), padding, [[0, '-', size], '&', BLOCK - 1])),
  ],
);

/** Its end is two empty blocks. Gives back 0 or a negative errno. */
export const endTar = fn('endTar', [], [], () => [giveBack(writeAll(tarArchive(), padding, 2 * BLOCK))]);
