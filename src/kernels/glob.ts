/**
 * Shell patterns as loader.conf(5) uses them: `*`, `?` and `[...]`, without regard to case because entries lie
 * on FAT. In time at most the product of both lengths, whatever the pattern.
 * Specification: POSIX.1-2017, Shell & Utilities, 2.13 Pattern Matching Notation.
 * @module
 */

/** Whether all of `text` matches `pattern`. */
export function matchGlob(pattern: string, text: string): boolean {
  const [tokens, characters] = [parseGlob(pattern.toLowerCase()), text.toLowerCase()];
  let [at, token] = [0, 0];
  /** Where the last star stands, and how far it reaches so far. */
  let [star, reach] = [-1, 0];
  while (at < characters.length) {
    const current = tokens[token];
    if (current === 'star') {
      [star, reach] = [token, at];
      token += 1;
    } else if (current?.(characters[at] ?? '')) {
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
    const end = character === '[' ? pattern.indexOf(']', at + 2) : -1;
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

function bracket(body: string): Token {
  const isNegated = body.startsWith('!') || body.startsWith('^');
  const members = [...(isNegated ? body.slice(1) : body).matchAll(/([^])-([^])|([^])/g)];
  return (character) =>
    members.some(([, from, to, one]) =>
      from === undefined || to === undefined ? one === character : from <= character && character <= to,
    ) !== isNegated;
}
