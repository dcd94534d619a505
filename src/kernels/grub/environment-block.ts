/**
 * GRUB's environment block (grubenv): what the system leaves for the next boot.
 * Specification: GNU GRUB manual 2.12, "The GRUB environment block"; layout as grub-editenv(1) writes it:
 * a signature line, `name=value` lines with `\` before a back-slash or line break, padded with `#`.
 * @module
 */

const SIGNATURE = '# GRUB Environment Block\n';

/** Names and values. A block without the signature has none: GRUB refuses it as a whole. */
export function parseEnvironmentBlock(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  if (!text.startsWith(SIGNATURE)) return values;
  // An escaped line break continues the value.
  for (const line of text.slice(SIGNATURE.length).match(/(?:\\[^]|[^\\\n])+/g) ?? []) {
    const equals = line.indexOf('=');
    if (line.startsWith('#') || equals <= 0) continue;
    values.set(line.slice(0, equals), line.slice(equals + 1).replace(/\\([^])/g, '$1'));
  }
  return values;
}
