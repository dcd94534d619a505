/**
 * Text out of files that nobody vouches for, made safe to print: a kernel's version string must not be able
 * to send escape sequences to a terminal.
 * @module
 */

/** `text` with everything outside printable ASCII (0x20..0x7e) as `?`. */
export function printableText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
