/**
 * Shell patterns as loader.conf(5), modules.alias and modinfo's firmware use them: `*`, `?` and `[...]`. A star
 * takes slashes as well. In time at most the product of both lengths, whatever the pattern.
 * Specification: POSIX.1-2017, Shell & Utilities, 2.13 Pattern Matching Notation, without 2.13.3.
 * @module
 */

/** Whether all of a text matches `pattern`, asked as often as one likes. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const tokens = parseGlob(pattern);
  return (text) => matchTokens(tokens, text);
}

/** What every text that matches `pattern` begins with. */
export function literalHead(pattern: string): string {
  return /^[^*?[\\]*/.exec(pattern)?.[0] ?? '';
}

/**
 * Whether a text of letters, digits and underscores alone may match: not where `pattern` asks for another character.
 * In doubt it may.
 */
export function mayMatchWord(pattern: string): boolean {
  const literals = pattern.replaceAll(/\[[!^]?\]?[^\]]*\]|[*?]/g, '');
  return literals.includes('\\') || /^\w*$/.test(literals);
}

function matchTokens(tokens: readonly Token[], text: string): boolean {
  let [at, token] = [0, 0];
  /** Where the last star stands, and how far it reaches so far. */
  let [star, reach] = [-1, 0];
  while (at < text.length) {
    const current = tokens[token];
    if (current === 'star') {
      [star, reach] = [token, at];
      token += 1;
    } else if (current?.(text[at]!)) {
      at += 1;
      token += 1;
    } else if (star >= 0) {
      reach += 1;
      at = reach;
      token = star + 1;
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest === 'star');
}

type Token = 'star' | ((character: string) => boolean);

function parseGlob(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? '';
    const end = character === '[' ? closingBracket(pattern, at) : -1;
    if (character === '*') tokens.push('star');
    else if (character === '?') tokens.push(() => true);
    else if (end > 0) {
      tokens.push(bracket(pattern.slice(at + 1, end)));
      at = end;
    } else {
      const literal = character === '\\' ? (pattern[++at] ?? '\\') : character;
      tokens.push((other) => other === literal);
    }
  }
  return tokens;
}

/** A bracket that closes is one of the members when it comes first. */
function closingBracket(pattern: string, open: number): number {
  const isNegated = pattern[open + 1] === '!' || pattern[open + 1] === '^';
  return pattern.indexOf(']', open + (isNegated ? 3 : 2));
}

function bracket(body: string): Token {
  const isNegated = body.startsWith('!') || body.startsWith('^');
  const members = [...(isNegated ? body.slice(1) : body).matchAll(/([^])-([^])|([^])/g)];
  return (character) =>
    members.some(([, from, to, one]) =>
      from === undefined || to === undefined ? one === character : from <= character && character <= to,
    ) !== isNegated;
}
