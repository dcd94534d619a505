/**
 * POSIX extended regular expressions for GRUB's `regexp`, in time linear in the text: the pattern comes from
 * a configuration file, and a backtracking engine can be made to run for years by 30 characters of it.
 * All alternatives advance together, one character at a time (Pike's machine); captures are those of the
 * leftmost match, earlier alternatives first.
 * Specification: POSIX.1-2017, Base Definitions, 9.4 Extended Regular Expressions.
 * @module
 */

type Instruction =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'split'; readonly first: number; readonly second: number }
  | { readonly kind: 'jump'; readonly to: number }
  | { readonly kind: 'save'; readonly slot: number }
  | { readonly kind: 'start' | 'end' | 'match' };

type Node =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'either'; readonly nodes: readonly Node[] }
  | { readonly kind: 'group'; readonly index: number; readonly node: Node }
  | { readonly kind: 'repeat'; readonly node: Node; readonly least: number; readonly most: number };

/** Longest program and text; what `regexp` is given are paths and device names. */
export const PROGRAM_LIMIT = 500;
const TEXT_LIMIT = 1024;
const GROUP_LIMIT = 20;
const NESTING_LIMIT = 30;
const REPEAT_LIMIT = 255;

const CLASSES = new Map<string, RegExp>(
  Object.entries({
    alnum: /[A-Za-z0-9]/,
    alpha: /[A-Za-z]/,
    digit: /[0-9]/,
    lower: /[a-z]/,
    upper: /[A-Z]/,
    space: /\s/,
    punct: /[!-/:-@[-`{-~]/,
    xdigit: /[0-9A-Fa-f]/,
  }),
);

interface Source {
  readonly pattern: string;
  at: number;
  groups: number;
  depth: number;
}

class PatternError extends Error {}

function fail(reason: string): never {
  throw new PatternError(reason);
}

function parseEither(source: Source): Node {
  source.depth += 1;
  if (source.depth > NESTING_LIMIT) fail('nested too deep');
  const nodes = [parseSequence(source)];
  while (source.pattern[source.at] === '|') {
    source.at += 1;
    nodes.push(parseSequence(source));
  }
  source.depth -= 1;
  return { kind: 'either', nodes };
}

function parseSequence(source: Source): Node {
  const nodes: Node[] = [];
  for (;;) {
    const character = source.pattern[source.at];
    if (character === undefined || character === '|' || character === ')') break;
    nodes.push(parseRepeats(source, parseAtom(source, character)));
  }
  return { kind: 'sequence', nodes };
}

function parseRepeats(source: Source, atom: Node): Node {
  let node = atom;
  for (let count = 0; ; count++) {
    const bounds = takeBounds(source);
    if (bounds === undefined) return node;
    if (count >= NESTING_LIMIT) fail('too many repetitions');
    node = { kind: 'repeat', node, ...bounds };
  }
}

function takeBounds(source: Source): { least: number; most: number } | undefined {
  const character = source.pattern[source.at];
  const simple: Readonly<Record<string, { least: number; most: number }>> = {
    '*': { least: 0, most: Number.POSITIVE_INFINITY },
    '+': { least: 1, most: Number.POSITIVE_INFINITY },
    '?': { least: 0, most: 1 },
  };
  const bounds = simple[character ?? ''];
  if (bounds !== undefined) source.at += 1;
  if (bounds !== undefined || character !== '{') return bounds;
  const interval = /^\{(\d{1,3})(,(\d{0,3}))?\}/.exec(source.pattern.slice(source.at));
  if (interval === null) return undefined;
  source.at += interval[0].length;
  const least = Number(interval[1]);
  const most =
    interval[2] === undefined ? least : interval[3] ? Number(interval[3]) : Number.POSITIVE_INFINITY;
  if (least > REPEAT_LIMIT || (most !== Number.POSITIVE_INFINITY && most > REPEAT_LIMIT) || most < least)
    fail('a repetition out of bounds');
  return { least, most };
}

function literal(expected: string): Node {
  return { kind: 'character', matches: (character) => character === expected };
}

function parseAtom(source: Source, character: string): Node {
  source.at += 1;
  switch (character) {
    case '.':
      return { kind: 'character', matches: () => true };
    case '^':
      return { kind: 'start' };
    case '$':
      return { kind: 'end' };
    case '[':
      return parseBracket(source);
    case '\\': {
      const escaped = source.pattern[source.at] ?? fail('ends in a back-slash');
      source.at += 1;
      return literal(escaped);
    }
    case '(': {
      source.groups += 1;
      if (source.groups > GROUP_LIMIT) fail('too many groups');
      const index = source.groups;
      const node = parseEither(source);
      if (source.pattern[source.at] !== ')') fail('a ( is not closed');
      source.at += 1;
      return { kind: 'group', index, node };
    }
    default:
      return literal(character);
  }
}

/** `[abc]`, `[^a-z]`, `[[:digit:]_]`; a `]` that comes first is itself. */
function parseBracket(source: Source): Node {
  const { pattern } = source;
  const isNegated = pattern[source.at] === '^';
  if (isNegated) source.at += 1;
  const tests: ((character: string) => boolean)[] = [];
  for (let isFirst = true; ; isFirst = false) {
    const from = pattern[source.at] ?? fail('a [ is not closed');
    if (from === ']' && !isFirst) break;
    const named = /^\[:(\w+):\]/.exec(pattern.slice(source.at, source.at + 12));
    if (named !== null) {
      const known = CLASSES.get(named[1] ?? '') ?? fail('an unknown class of characters');
      tests.push((character) => known.test(character));
      source.at += named[0].length;
      continue;
    }
    const to = pattern[source.at + 2];
    const isRange = pattern[source.at + 1] === '-' && to !== undefined && to !== ']';
    source.at += isRange ? 3 : 1;
    tests.push(
      isRange ? (character) => from <= character && character <= to : (character) => character === from,
    );
  }
  source.at += 1;
  return { kind: 'character', matches: (character) => tests.some((test) => test(character)) !== isNegated };
}

function emit(program: Instruction[], node: Node): void {
  if (program.length > PROGRAM_LIMIT) fail('too large');
  switch (node.kind) {
    case 'sequence':
      for (const one of node.nodes) emit(program, one);
      return;
    case 'either':
      emitEither(program, node.nodes);
      return;
    case 'group':
      program.push({ kind: 'save', slot: node.index * 2 });
      emit(program, node.node);
      program.push({ kind: 'save', slot: node.index * 2 + 1 });
      return;
    case 'repeat':
      emitRepeat(program, node.node, node.least, node.most);
      return;
    default:
      program.push(node);
  }
}

function emitEither(program: Instruction[], nodes: readonly Node[]): void {
  const jumps: number[] = [];
  for (const [index, node] of nodes.entries()) {
    const isLast = index === nodes.length - 1;
    const split = program.length;
    if (!isLast) program.push({ kind: 'jump', to: 0 });
    emit(program, node);
    if (isLast) break;
    jumps.push(program.length);
    program.push({ kind: 'jump', to: 0 });
    program[split] = { kind: 'split', first: split + 1, second: program.length };
  }
  for (const jump of jumps) program[jump] = { kind: 'jump', to: program.length };
}

function emitRepeat(program: Instruction[], node: Node, least: number, most: number): void {
  for (let count = 0; count < least; count++) emit(program, node);
  if (most === Number.POSITIVE_INFINITY) {
    const split = program.length;
    program.push({ kind: 'jump', to: 0 });
    emit(program, node);
    program.push({ kind: 'jump', to: split });
    program[split] = { kind: 'split', first: split + 1, second: program.length };
    return;
  }
  const splits: number[] = [];
  for (let count = least; count < most; count++) {
    splits.push(program.length);
    program.push({ kind: 'jump', to: 0 });
    emit(program, node);
  }
  for (const split of splits) program[split] = { kind: 'split', first: split + 1, second: program.length };
}

interface Thread {
  readonly at: number;
  readonly saved: readonly (number | undefined)[];
}

/** Adds every instruction that `thread` reaches without reading a character. Each is added once a position. */
function follow(
  program: readonly Instruction[],
  thread: Thread,
  position: number,
  length: number,
  seen: Set<number>,
  threads: Thread[],
): void {
  const pending = [thread];
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    const instruction = program[one.at];
    if (instruction === undefined || seen.has(one.at)) continue;
    seen.add(one.at);
    const { saved } = one;
    const next = one.at + 1;
    if (instruction.kind === 'jump') pending.push({ at: instruction.to, saved });
    else if (instruction.kind === 'split')
      pending.push({ at: instruction.second, saved }, { at: instruction.first, saved });
    else if (instruction.kind === 'save')
      pending.push({ at: next, saved: saved.with(instruction.slot, position) });
    else if (instruction.kind === 'start') position === 0 && pending.push({ at: next, saved });
    else if (instruction.kind === 'end') position === length && pending.push({ at: next, saved });
    else threads.push(one);
  }
}

/**
 * The match and its groups (index 0 is the whole match; '' for a group that took no part); undefined when
 * `text` does not match or `pattern` is no expression, and when either is absurdly long.
 */
export function matchRegexp(pattern: string, text: string): string[] | undefined {
  if (text.length > TEXT_LIMIT) return undefined;
  const source: Source = { pattern, at: 0, groups: 0, depth: 0 };
  const program: Instruction[] = [];
  try {
    const tree = parseEither(source);
    if (source.at < pattern.length) fail('a ) closes nothing');
    emit(program, { kind: 'group', index: 0, node: tree });
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
  program.push({ kind: 'match' });
  const slots = new Array<number | undefined>((source.groups + 1) * 2).fill(undefined);
  const saved = run(program, text, slots);
  if (saved === undefined) return undefined;
  return Array.from({ length: source.groups + 1 }, (_, group) => {
    const [start, end] = [saved[group * 2], saved[group * 2 + 1]];
    return start === undefined || end === undefined ? '' : text.slice(start, end);
  });
}

function run(
  program: readonly Instruction[],
  text: string,
  slots: readonly (number | undefined)[],
): readonly (number | undefined)[] | undefined {
  let matched: readonly (number | undefined)[] | undefined;
  let threads: Thread[] = [];
  for (let position = 0; position <= text.length; position++) {
    const seen = new Set<number>();
    const current: Thread[] = [];
    for (const thread of threads) follow(program, thread, position, text.length, seen, current);
    if (matched === undefined) follow(program, { at: 0, saved: slots }, position, text.length, seen, current);
    threads = [];
    for (const thread of current) {
      const instruction = program[thread.at];
      if (instruction?.kind === 'match') {
        matched = thread.saved;
        break;
      }
      if (
        instruction?.kind === 'character' &&
        instruction.matches(text[position] ?? '') &&
        position < text.length
      )
        threads.push({ at: thread.at + 1, saved: thread.saved });
    }
    if (threads.length === 0 && matched !== undefined) break;
  }
  return matched;
}
