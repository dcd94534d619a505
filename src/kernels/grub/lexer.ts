/**
 * The words of GRUB's script language.
 * Specification: GNU GRUB manual 2.12, "Writing full configuration files directly" (quoting, variable
 * expansion, comments). Braces are words of their own wherever they stand outside quotes.
 * @module
 */

/** A piece of a word. `isQuoted` text is taken as it is; a quoted variable is not split at blanks. */
export type WordPart =
  | { readonly kind: 'text'; readonly text: string; readonly isQuoted: boolean }
  | { readonly kind: 'variable'; readonly name: string; readonly isQuoted: boolean };

export type Word = readonly WordPart[];

/** `end` stands for a line break or `;`. `operator` is `|`, `&`, `<` or `>`, which GRUB reserves. */
export type Token =
  | { readonly kind: 'word'; readonly word: Word; readonly line: number }
  | { readonly kind: 'end' | '{' | '}' | 'operator' | 'end-of-file'; readonly line: number };

/** Why a script cannot be read, at a line counted from 1. Caught by the parser; never leaves the grub reader. */
export class GrubSyntaxError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = 'GrubSyntaxError';
    this.line = line;
  }
}

const BLANK = /[ \t\r]/;
const ENDS_WORD = /[{}|&$;<> \t\r\n'"\\]/;
/** `$name`, `${name}`, `$1`, `${1}`, `$?`, `$#`, `$*`, `$@`. */
const VARIABLE = /\$(?:([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])|\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?#*@])\})/y;
/** What a back-slash takes its meaning from between double quotes; before anything else it stays. */
const ESCAPABLE = /["$\\]/;
/** More than any menu has. */
const TOKEN_LIMIT = 500_000;

interface Cursor {
  readonly text: string;
  at: number;
  line: number;
}

/** @throws GrubSyntaxError for a quote that is not closed, a `${` that names no variable, and too many words */
export function tokenize(text: string): Token[] {
  const cursor: Cursor = { text, at: 0, line: 1 };
  const tokens: Token[] = [];
  for (;;) {
    const token = nextToken(cursor);
    tokens.push(token);
    if (token.kind === 'end-of-file') return tokens;
    if (tokens.length > TOKEN_LIMIT) throw new GrubSyntaxError(cursor.line, `more than ${TOKEN_LIMIT} words`);
  }
}

function nextToken(cursor: Cursor): Token {
  skipBlanks(cursor);
  const { line } = cursor;
  const character = cursor.text[cursor.at];
  if (character === undefined) return { kind: 'end-of-file', line };
  if (character === '\n' || character === ';') {
    cursor.at += 1;
    if (character === '\n') cursor.line += 1;
    return { kind: 'end', line };
  }
  if ('{}|&<>'.includes(character)) {
    cursor.at += 1;
    return { kind: character === '{' || character === '}' ? character : 'operator', line };
  }
  return { kind: 'word', word: readWord(cursor), line };
}

/** Blanks, continued lines, and comments: a `#` inside a word begins none. */
function skipBlanks(cursor: Cursor): void {
  for (;;) {
    const character = cursor.text[cursor.at];
    if (character === undefined) return;
    if (BLANK.test(character)) cursor.at += 1;
    else if (cursor.text.startsWith('\\\n', cursor.at)) {
      cursor.at += 2;
      cursor.line += 1;
    } else if (character === '#') {
      const end = cursor.text.indexOf('\n', cursor.at);
      cursor.at = end < 0 ? cursor.text.length : end;
    } else return;
  }
}

function readWord(cursor: Cursor): Word {
  const parts: WordPart[] = [];
  for (;;) {
    const character = cursor.text[cursor.at];
    if (character === undefined) return parts;
    if (character === "'") parts.push(readSingleQuoted(cursor));
    else if (character === '"' || cursor.text.startsWith('$"', cursor.at)) readDoubleQuoted(cursor, parts);
    else if (character === '$') parts.push(readVariable(cursor, false));
    else if (character === '\\') readEscape(cursor, parts);
    else if (ENDS_WORD.test(character)) return parts;
    else parts.push(readPlain(cursor));
  }
}

function readPlain(cursor: Cursor): WordPart {
  const start = cursor.at;
  while (cursor.at < cursor.text.length && !ENDS_WORD.test(cursor.text[cursor.at] ?? '')) cursor.at += 1;
  return { kind: 'text', text: cursor.text.slice(start, cursor.at), isQuoted: false };
}

function readEscape(cursor: Cursor, parts: WordPart[]): void {
  const next = cursor.text[cursor.at + 1];
  cursor.at += 2;
  if (next === '\n') cursor.line += 1;
  else if (next !== undefined) parts.push({ kind: 'text', text: next, isQuoted: true });
}

function readSingleQuoted(cursor: Cursor): WordPart {
  const end = cursor.text.indexOf("'", cursor.at + 1);
  if (end < 0) throw new GrubSyntaxError(cursor.line, "a ' is not closed");
  const text = cursor.text.slice(cursor.at + 1, end);
  cursor.at = end + 1;
  cursor.line += text.split('\n').length - 1;
  return { kind: 'text', text, isQuoted: true };
}

function readDoubleQuoted(cursor: Cursor, parts: WordPart[]): void {
  const { line } = cursor;
  cursor.at += cursor.text[cursor.at] === '$' ? 2 : 1;
  let text = '';
  const flush = (): void => {
    parts.push({ kind: 'text', text, isQuoted: true });
    text = '';
  };
  for (;;) {
    const character = cursor.text[cursor.at];
    if (character === undefined) throw new GrubSyntaxError(line, 'a " is not closed');
    if (character === '"') break;
    if (character === '$') {
      flush();
      parts.push(readVariable(cursor, true));
      continue;
    }
    const next = cursor.text[cursor.at + 1] ?? '';
    const isEscape = character === '\\' && (ESCAPABLE.test(next) || next === '\n');
    if (character === '\n' || (isEscape && next === '\n')) cursor.line += 1;
    if (!isEscape) text += character;
    else if (next !== '\n') text += next;
    cursor.at += isEscape ? 2 : 1;
  }
  cursor.at += 1;
  flush();
}

function readVariable(cursor: Cursor, isQuoted: boolean): WordPart {
  VARIABLE.lastIndex = cursor.at;
  const match = VARIABLE.exec(cursor.text);
  const name = match?.[1] ?? match?.[2];
  if (match !== null && name !== undefined) {
    cursor.at += match[0].length;
    return { kind: 'variable', name, isQuoted };
  }
  if (cursor.text[cursor.at + 1] === '{') throw new GrubSyntaxError(cursor.line, '"${" names no variable');
  cursor.at += 1;
  return { kind: 'text', text: '$', isQuoted };
}

/** The text of a word that is bare: nothing quoted, no variable. Only such a word can be a keyword. */
export function bareText(word: Word): string | undefined {
  const [part, ...rest] = word;
  return part?.kind === 'text' && !part.isQuoted && rest.length === 0 ? part.text : undefined;
}
