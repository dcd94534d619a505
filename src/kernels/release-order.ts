/**
 * Which of two versions is newer.
 * Specification: UAPI.10 Version Format Specification, "Version Comparison".
 * @module
 */

const NOT_A_VERSION_CHARACTER = /^[^0-9A-Za-z~.^-]+/;
const DIGITS = /^[0-9]*/;
const LETTERS = /^[A-Za-z]*/;

function matched(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[0] ?? '';
}

function compareNumbers(a: string, b: string): number {
  if ((a === '') !== (b === '')) return a === '' ? -1 : 1;
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length - y.length || compareText(x, y);
}

/** Order by code units, as memcmp does for ASCII. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Below 0 when `a` is older than `b`, above 0 when it is newer, 0 when they are the same version. */
export function compareVersions(a: string, b: string): number {
  let [x, y] = [a, b];
  for (;;) {
    x = x.replace(NOT_A_VERSION_CHARACTER, '');
    y = y.replace(NOT_A_VERSION_CHARACTER, '');
    if (x.startsWith('~') !== y.startsWith('~')) return x.startsWith('~') ? -1 : 1;
    if (x.startsWith('~')) [x, y] = [x.slice(1), y.slice(1)];
    if (x === '' || y === '') return Math.sign(x.length - y.length);
    for (const separator of ['-', '^', '.']) {
      if (x.startsWith(separator) !== y.startsWith(separator)) return x.startsWith(separator) ? -1 : 1;
      if (x.startsWith(separator)) [x, y] = [x.slice(1), y.slice(1)];
    }
    const isNumber = matched(x, DIGITS) !== '' || matched(y, DIGITS) !== '';
    const [p, q] = isNumber
      ? [matched(x, DIGITS), matched(y, DIGITS)]
      : [matched(x, LETTERS), matched(y, LETTERS)];
    const order = isNumber ? compareNumbers(p, q) : compareText(p, q);
    if (order !== 0) return Math.sign(order);
    [x, y] = [x.slice(p.length), y.slice(q.length)];
  }
}

/** As `compareVersions`, for `uname -r`: there `-rc1` comes before the release, which the general rule cannot know. */
export function compareReleases(a: string, b: string): number {
  const normal = (release: string): string => release.replace(/^(\d+(?:\.\d+)*)-rc(?=\d)/, '$1~rc');
  return compareVersions(normal(a), normal(b));
}
