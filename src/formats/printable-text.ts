/**
 * Text out of files that nobody vouches for, made safe to print: a kernel's version string must not be able
 * to send escape sequences to a terminal.
 * @module
 */

/** `text` with everything outside printable ASCII (0x20..0x7e) as `?`. */
export function printableText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/**
 * `text` in any script, with `?` for what has no shape of its own: control and format characters (also those
 * that turn the direction of writing), line separators, unassigned and broken code points.
 */
export function printableUnicode(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

/** As `printableUnicode`, but lines stay lines. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printableUnicode).join('\n');
}
