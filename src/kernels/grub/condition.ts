/**
 * GRUB's `test` and `[`.
 * Specification: GNU GRUB manual 2.12, "test".
 * @module
 */
import { compareText } from '../release-order.ts';

/** What a condition may ask about files. */
export interface FileTests {
  readonly kind: (path: string) => 'file' | 'folder' | 'absent';
  /** Bytes; 0 when it does not exist. */
  readonly size: (path: string) => number;
}

interface Cursor {
  readonly words: readonly string[];
  readonly files: FileTests;
  at: number;
  /** Open parentheses. */
  depth: number;
}

/** Deeper than any condition that a person or a generator writes. */
const PARENTHESES_LIMIT = 32;

/** As strtol in GRUB's test: what is no number counts as 0. */
function integer(text: string): number {
  return Number(/^\s*([+-]?\d{1,15})/.exec(text)?.[1] ?? 0);
}

function trailingInteger(text: string): number {
  return Number(/(\d{0,15})$/.exec(text)?.[1] || 0);
}

const BINARY = new Map<string, (a: string, b: string) => boolean>(
  Object.entries({
    '=': (a: string, b: string) => a === b,
    '==': (a: string, b: string) => a === b,
    '!=': (a: string, b: string) => a !== b,
    '<': (a: string, b: string) => compareText(a, b) < 0,
    '<=': (a: string, b: string) => compareText(a, b) <= 0,
    '>': (a: string, b: string) => compareText(a, b) > 0,
    '>=': (a: string, b: string) => compareText(a, b) >= 0,
    '-eq': (a: string, b: string) => integer(a) === integer(b),
    '-ne': (a: string, b: string) => integer(a) !== integer(b),
    '-lt': (a: string, b: string) => integer(a) < integer(b),
    '-le': (a: string, b: string) => integer(a) <= integer(b),
    '-gt': (a: string, b: string) => integer(a) > integer(b),
    '-ge': (a: string, b: string) => integer(a) >= integer(b),
    // -pgt and -plt compare the numbers that follow a common prefix, e.g. vmlinuz-9 and vmlinuz-10.
    '-pgt': (a: string, b: string) => trailingInteger(a) > trailingInteger(b),
    '-plt': (a: string, b: string) => trailingInteger(a) < trailingInteger(b),
  }),
);

const UNARY = new Map<string, (operand: string, files: FileTests) => boolean>(
  Object.entries({
    '-n': (operand: string) => operand !== '',
    '-z': (operand: string) => operand === '',
    '-e': (operand: string, files: FileTests) => files.kind(operand) !== 'absent',
    '-f': (operand: string, files: FileTests) => files.kind(operand) === 'file',
    '-d': (operand: string, files: FileTests) => files.kind(operand) === 'folder',
    '-s': (operand: string, files: FileTests) => files.kind(operand) === 'file' && files.size(operand) > 0,
  }),
);

/** Without the closing `]`. `-a` and juxtaposition bind before `-o`. */
export function evaluateCondition(words: readonly string[], files: FileTests): boolean {
  const cursor: Cursor = { words, files, at: 0, depth: 0 };
  return evaluateOr(cursor);
}

function evaluateOr(cursor: Cursor): boolean {
  let result = evaluateAnd(cursor);
  while (cursor.words[cursor.at] === '-o') {
    cursor.at += 1;
    // Both sides are read in any case: skipping one would leave its words behind.
    const right = evaluateAnd(cursor);
    result = result || right;
  }
  return result;
}

function evaluateAnd(cursor: Cursor): boolean {
  if (cursor.at >= cursor.words.length) return false;
  let result = evaluatePrimary(cursor);
  for (;;) {
    const word = cursor.words[cursor.at];
    if (word === undefined || word === '-o' || word === ')') return result;
    if (word === '-a') cursor.at += 1;
    const right = cursor.at < cursor.words.length && evaluatePrimary(cursor);
    result = result && right;
  }
}

function evaluatePrimary(cursor: Cursor): boolean {
  let isNegated = false;
  while (cursor.words[cursor.at] === '!' && cursor.at + 1 < cursor.words.length) {
    isNegated = !isNegated;
    cursor.at += 1;
  }
  return evaluateOne(cursor) !== isNegated;
}

/** A comparison counts before a unary operator, so that `[ -n = x ]` compares. */
function evaluateOne(cursor: Cursor): boolean {
  const [first = '', second, third] = cursor.words.slice(cursor.at, cursor.at + 3);
  const binary = second === undefined || third === undefined ? undefined : BINARY.get(second);
  if (binary !== undefined && third !== undefined) {
    cursor.at += 3;
    return binary(first, third);
  }
  const unary = second === undefined ? undefined : UNARY.get(first);
  if (unary !== undefined && second !== undefined) {
    cursor.at += 2;
    return unary(second, cursor.files);
  }
  cursor.at += 1;
  if (first !== '(' || cursor.depth >= PARENTHESES_LIMIT) return first !== '';
  cursor.depth += 1;
  const result = evaluateOr(cursor);
  cursor.depth -= 1;
  if (cursor.words[cursor.at] === ')') cursor.at += 1;
  return result;
}
