/**
 * GRUB's script language as a tree: commands, if, for, while, until, functions, and blocks in braces.
 * Specification: GNU GRUB manual 2.12, "Writing full configuration files directly".
 * @module
 */
import { bareText, GrubSyntaxError, type Token, tokenize, type Word } from './lexer.ts';

/** `block` is the `{ ... }` that ends menuentry and submenu. */
export interface Command {
  readonly kind: 'command';
  readonly words: readonly Word[];
  readonly block: Script | undefined;
  readonly line: number;
}

/** One of `if` and each `elif`. */
export interface Branch {
  readonly condition: Script;
  readonly body: Script;
}

export type Statement =
  | Command
  | { readonly kind: 'if'; readonly branches: readonly Branch[]; readonly otherwise: Script }
  | {
      readonly kind: 'for';
      readonly variable: string;
      readonly items: readonly Word[];
      readonly body: Script;
    }
  | { readonly kind: 'while'; readonly isUntil: boolean; readonly condition: Script; readonly body: Script }
  | { readonly kind: 'function'; readonly name: string; readonly body: Script };

export type Script = readonly Statement[];

/** A statement that could not be read. */
export interface SyntaxProblem {
  readonly line: number;
  readonly message: string;
}

/** Deeper nesting than this is an attack on the reader's stack. */
const NESTING_LIMIT = 100;
const PROBLEM_LIMIT = 20;
/** Words that cannot be the name of a command, besides those that begin a statement. */
const RESERVED = new Set([
  'case',
  'do',
  'done',
  'elif',
  'else',
  'esac',
  'fi',
  'in',
  'select',
  'then',
  '[[',
  ']]',
]);

interface Parser {
  readonly tokens: readonly Token[];
  at: number;
  nesting: number;
}

/** Every statement that can be read. Like GRUB, goes on at the next line after one that cannot. Never throws. */
export function parseGrubScript(text: string): { script: Script; problems: SyntaxProblem[] } {
  const script: Statement[] = [];
  const problems: SyntaxProblem[] = [];
  const attempt = (work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof GrubSyntaxError)) throw error;
      problems.push({ line: error.line, message: error.message });
      return false;
    }
  };
  const parser: Parser = { tokens: [], at: 0, nesting: 0 };
  attempt(() => {
    Object.assign(parser, { tokens: tokenize(text) });
  });
  while (parser.tokens.length > 0 && problems.length < PROBLEM_LIMIT) {
    skipEnds(parser);
    if (peek(parser).kind === 'end-of-file') break;
    const succeeded = attempt(() => {
      script.push(parseStatement(parser));
    });
    if (!succeeded) skipLine(parser);
  }
  return { script, problems };
}

function peek(parser: Parser): Token {
  return parser.tokens[parser.at] ?? { kind: 'end-of-file', line: 0 };
}

function skipEnds(parser: Parser): void {
  while (peek(parser).kind === 'end') parser.at += 1;
}

function skipLine(parser: Parser): void {
  parser.nesting = 0;
  while (peek(parser).kind !== 'end' && peek(parser).kind !== 'end-of-file') parser.at += 1;
}

function keywordAt(parser: Parser): string | undefined {
  const token = peek(parser);
  return token.kind === 'word' ? bareText(token.word) : undefined;
}

function expected(parser: Parser, what: string): never {
  const token = peek(parser);
  const found = token.kind === 'word' ? `"${keywordAt(parser) ?? 'a word'}"` : token.kind;
  throw new GrubSyntaxError(token.line, `expected ${what}, found ${found}`);
}

function takeKeyword(parser: Parser, keyword: string): void {
  if (keywordAt(parser) !== keyword) expected(parser, `"${keyword}"`);
  parser.at += 1;
}

function parseStatement(parser: Parser): Statement {
  if (parser.nesting >= NESTING_LIMIT)
    throw new GrubSyntaxError(peek(parser).line, `nested deeper than ${NESTING_LIMIT}`);
  parser.nesting += 1;
  const statement = parseByKeyword(parser);
  parser.nesting -= 1;
  return statement;
}

function parseByKeyword(parser: Parser): Statement {
  switch (keywordAt(parser)) {
    case 'if':
      return parseIf(parser);
    case 'for':
      return parseFor(parser);
    case 'while':
    case 'until':
      return parseWhile(parser);
    case 'function':
      return parseFunction(parser);
    default:
      return parseCommand(parser);
  }
}

/** Statements up to one of `keywords`, which is left where it is. */
function parseUntilKeyword(parser: Parser, keywords: readonly string[]): Script {
  const statements: Statement[] = [];
  for (;;) {
    skipEnds(parser);
    if (keywords.includes(keywordAt(parser) ?? '')) return statements;
    if (peek(parser).kind === 'end-of-file') expected(parser, keywords.map((one) => `"${one}"`).join(' or '));
    statements.push(parseStatement(parser));
  }
}

function parseBlock(parser: Parser): Script {
  parser.at += 1;
  const statements: Statement[] = [];
  for (;;) {
    skipEnds(parser);
    const { kind } = peek(parser);
    if (kind === 'end-of-file') expected(parser, '"}"');
    if (kind === '}') break;
    statements.push(parseStatement(parser));
  }
  parser.at += 1;
  return statements;
}

function parseIf(parser: Parser): Statement {
  const branches: Branch[] = [];
  do {
    parser.at += 1;
    const condition = parseUntilKeyword(parser, ['then']);
    parser.at += 1;
    branches.push({ condition, body: parseUntilKeyword(parser, ['elif', 'else', 'fi']) });
  } while (keywordAt(parser) === 'elif');
  const hasElse = keywordAt(parser) === 'else';
  parser.at += 1;
  if (!hasElse) return { kind: 'if', branches, otherwise: [] };
  const otherwise = parseUntilKeyword(parser, ['fi']);
  parser.at += 1;
  return { kind: 'if', branches, otherwise };
}

function parseDoBody(parser: Parser): Script {
  skipEnds(parser);
  takeKeyword(parser, 'do');
  const body = parseUntilKeyword(parser, ['done']);
  parser.at += 1;
  return body;
}

function parseFor(parser: Parser): Statement {
  parser.at += 1;
  const variable = keywordAt(parser) ?? expected(parser, 'the name of a variable');
  parser.at += 1;
  takeKeyword(parser, 'in');
  const items = parseWords(parser);
  return { kind: 'for', variable, items, body: parseDoBody(parser) };
}

function parseWhile(parser: Parser): Statement {
  const isUntil = keywordAt(parser) === 'until';
  parser.at += 1;
  const condition = parseUntilKeyword(parser, ['do']);
  return { kind: 'while', isUntil, condition, body: parseDoBody(parser) };
}

function parseFunction(parser: Parser): Statement {
  parser.at += 1;
  const name = keywordAt(parser) ?? expected(parser, 'the name of a function');
  parser.at += 1;
  skipEnds(parser);
  if (peek(parser).kind !== '{') expected(parser, '"{"');
  return { kind: 'function', name, body: parseBlock(parser) };
}

function parseWords(parser: Parser): Word[] {
  const words: Word[] = [];
  for (let token = peek(parser); token.kind === 'word'; token = peek(parser)) {
    words.push(token.word);
    parser.at += 1;
  }
  return words;
}

function parseCommand(parser: Parser): Statement {
  const { line } = peek(parser);
  if (RESERVED.has(keywordAt(parser) ?? '')) expected(parser, 'a command');
  const words = parseWords(parser);
  if (words.length === 0) expected(parser, 'a command');
  let block: Script | undefined;
  while (peek(parser).kind === '{') block = parseBlock(parser);
  if (peek(parser).kind === 'operator') expected(parser, 'the end of the command');
  return { kind: 'command', words, block, line };
}
