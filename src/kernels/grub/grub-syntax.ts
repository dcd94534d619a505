/**
 * The language of grub.cfg as a tree. GNU GRUB manual, "Writing full configuration files directly": words,
 * quoting, if, for, function, and commands that take a block in braces.
 * @module
 */
import { KhopError } from '../../error.ts';

/** A piece of a word: text as it is, or a variable. */
export type WordPart = { readonly text: string } | { readonly variable: string };

/** A word; `isQuoted` keeps an empty expansion from vanishing. */
export interface Word {
  readonly parts: readonly WordPart[];
  readonly isQuoted: boolean;
}

/** One statement. */
export type Statement =
  | {
      readonly kind: 'command';
      readonly words: readonly Word[];
      readonly block: readonly Statement[] | undefined;
    }
  | { readonly kind: 'if'; readonly branches: readonly Branch[]; readonly otherwise: readonly Statement[] }
  | {
      readonly kind: 'for';
      readonly variable: Word;
      readonly values: readonly Word[];
      readonly body: readonly Statement[];
    }
  | { readonly kind: 'function'; readonly name: Word; readonly body: readonly Statement[] };

/** `if` or `elif`: the last statement of the condition decides. */
export interface Branch {
  readonly condition: readonly Statement[];
  readonly body: readonly Statement[];
}

type Token = { readonly kind: 'word'; readonly word: Word } | { readonly kind: 'end' | '{' | '}' };

const TOKEN_LIMIT = 200_000;
const DEPTH_LIMIT = 64;
const VARIABLE = /^(?:\{([A-Za-z0-9_]+|[?*#@])\}|([A-Za-z_][A-Za-z0-9_]*|[0-9?*#@]))/;

/** @throws E_FORMAT naming `path` and the line for what GRUB would not parse either */
export function parseGrubScript(text: string, path: string): Statement[] {
  const parser = new Parser(tokenize(text, path), path);
  return parser.statements([], 0);
}

function fail(path: string, problem: string): never {
  throw new KhopError('E_FORMAT', `${path}: ${problem}`, {
    hint: 'GRUB could not read this file either; make it anew (update-grub).',
  });
}

function tokenize(text: string, path: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (tokens.length > TOKEN_LIMIT) fail(path, `more than ${TOKEN_LIMIT} words`);
    const rest = text.slice(at, at + 2);
    if (rest === '\\\n') at += 2;
    else if (/[ \t\r]/.test(rest[0]!)) at++;
    else if (rest[0] === '#') at = lineEnd(text, at);
    else if (/[\n;&|]/.test(rest[0]!)) {
      tokens.push({ kind: 'end' });
      at++;
    } else if ((rest[0] === '{' || rest[0] === '}') && (rest.length === 1 || /[\s;]/.test(rest[1]!))) {
      tokens.push({ kind: rest[0] });
      at++;
    } else {
      const scanned = scanWord(text, at, path);
      tokens.push({ kind: 'word', word: scanned.word });
      at = scanned.end;
    }
  }
  return tokens;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** Up to white space outside quotes: 'literal', "with $variables", back-slashes, bare text. */
function scanWord(text: string, start: number, path: string): { word: Word; end: number } {
  const parts: WordPart[] = [];
  let isQuoted = false;
  let at = start;
  let inDouble = false;
  while (at < text.length) {
    const character = text[at]!;
    if (!inDouble && /[\s;&|]/.test(character)) break;
    if (character === '"') {
      inDouble = !inDouble;
      isQuoted = true;
      at++;
    } else if (character === "'" && !inDouble) {
      const end = text.indexOf("'", at + 1);
      if (end < 0) fail(path, 'a single quote is not closed');
      parts.push({ text: text.slice(at + 1, end) });
      isQuoted = true;
      at = end + 1;
    } else if (character === '\\') {
      const next = text[at + 1] ?? '';
      if (next !== '\n') parts.push({ text: inDouble && !/[$"\\]/.test(next) ? `\\${next}` : next });
      at += 2;
    } else if (character === '$') {
      const match = VARIABLE.exec(text.slice(at + 1, at + 80));
      if (match === null) parts.push({ text: '$' });
      else parts.push({ variable: match[1] ?? match[2]! });
      at += 1 + (match?.[0].length ?? 0);
    } else {
      parts.push({ text: character });
      at++;
    }
  }
  if (inDouble) fail(path, 'a double quote is not closed');
  return { word: { parts: joinText(parts), isQuoted }, end: at };
}

function joinText(parts: readonly WordPart[]): WordPart[] {
  const joined: WordPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if ('text' in part && last !== undefined && 'text' in last)
      joined[joined.length - 1] = { text: last.text + part.text };
    else joined.push(part);
  }
  return joined;
}

/** The word's text when it is bare, for keywords. */
function bareText(token: Token | undefined): string | undefined {
  if (token?.kind !== 'word' || token.word.isQuoted || token.word.parts.length !== 1) return undefined;
  const [part] = token.word.parts;
  return part !== undefined && 'text' in part ? part.text : undefined;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #path: string;
  #at = 0;

  constructor(tokens: readonly Token[], path: string) {
    this.#tokens = tokens;
    this.#path = path;
  }

  /** Statements up to one of `ends`, a keyword or brace, which is taken; up to the end of the file without any. */
  statements(ends: readonly string[], depth: number): Statement[] {
    if (depth > DEPTH_LIMIT) fail(this.#path, `nested deeper than ${DEPTH_LIMIT}`);
    const found: Statement[] = [];
    for (;;) {
      while (this.#tokens[this.#at]?.kind === 'end') this.#at++;
      const token = this.#tokens[this.#at];
      if (token === undefined) {
        if (ends.length > 0) fail(this.#path, `the file ends before "${ends[0]}"`);
        return found;
      }
      const keyword = token.kind === 'word' ? bareText(token) : token.kind;
      if (keyword !== undefined && ends.includes(keyword)) return found;
      if (token.kind === '}') fail(this.#path, 'a "}" closes nothing');
      found.push(this.#statement(keyword, depth));
    }
  }

  /** The keyword that ended the statements. */
  #takeEnd(): string {
    const token = this.#tokens[this.#at++];
    return (token?.kind === 'word' ? bareText(token) : token?.kind) ?? '';
  }

  #statement(keyword: string | undefined, depth: number): Statement {
    if (keyword === 'if') return this.#if(depth);
    if (keyword === 'for') return this.#for(depth);
    if (keyword === 'function') {
      this.#at++;
      const name = this.#words()[0] ?? fail(this.#path, 'a function has no name');
      return {
        kind: 'function',
        name,
        body: this.#block(depth) ?? fail(this.#path, 'a function has no body'),
      };
    }
    const words = this.#words();
    return { kind: 'command', words, block: this.#block(depth) };
  }

  #words(): Word[] {
    const words: Word[] = [];
    for (let token = this.#tokens[this.#at]; token?.kind === 'word'; token = this.#tokens[this.#at]) {
      words.push(token.word);
      this.#at++;
    }
    return words;
  }

  #block(depth: number): Statement[] | undefined {
    if (this.#tokens[this.#at]?.kind !== '{') return undefined;
    this.#at++;
    const body = this.statements(['}'], depth + 1);
    this.#at++;
    return body;
  }

  #if(depth: number): Statement {
    const branches: Branch[] = [];
    let keyword = this.#takeEnd();
    while (keyword === 'if' || keyword === 'elif') {
      const condition = this.statements(['then'], depth + 1);
      this.#at++;
      branches.push({ condition, body: this.statements(['elif', 'else', 'fi'], depth + 1) });
      keyword = this.#takeEnd();
    }
    if (keyword === 'fi') return { kind: 'if', branches, otherwise: [] };
    const otherwise = this.statements(['fi'], depth + 1);
    this.#at++;
    return { kind: 'if', branches, otherwise };
  }

  #for(depth: number): Statement {
    this.#at++;
    const [variable, , ...values] = this.#words();
    if (variable === undefined) fail(this.#path, 'a "for" has no variable');
    const before = this.statements(['do'], depth + 1);
    if (before.length > 0) fail(this.#path, 'something stands between "for" and "do"');
    this.#at++;
    const body = this.statements(['done'], depth + 1);
    this.#at++;
    return { kind: 'for', variable, values, body };
  }
}
