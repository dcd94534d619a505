/**
 * GRUB's environment block (grubenv): what the system leaves for the next boot.
 * Specification: GNU GRUB manual 2.12, "The GRUB environment block"; layout as grub-editenv(1) writes it:
 * a signature line, `name=value` lines with `\` before a back-slash or line break, padded with `#`.
 * @module
 */
import { KhopError } from '../error.ts';

const SIGNATURE = '# GRUB Environment Block\n';
/** grub-core/lib/envblk.c, of a block that grub-editenv creates. */
const DEFAULT_SIZE = 1024;

/** Names and values. A block without the signature has none: GRUB refuses it as a whole. */
export function parseEnvironmentBlock(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  if (!text.startsWith(SIGNATURE)) return values;
  for (const line of entriesOf(text)) {
    const equals = line.indexOf('=');
    if (line.startsWith('#') || equals <= 0) continue;
    values.set(line.slice(0, equals), line.slice(equals + 1).replace(/\\([^])/g, '$1'));
  }
  return values;
}

/** An escaped line break continues the value. */
function entriesOf(text: string): readonly string[] {
  return text.slice(SIGNATURE.length).match(/(?:\\[^]|[^\\\n])+/g) ?? [];
}

/**
 * The block with `changes` made to it; undefined removes a name. What else it holds stays as it is, and so
 * does its size, in bytes: GRUB writes into the blocks of the file that it found. Without the signature
 * a fresh block is made, as GRUB has ignored the old one.
 * @throws E_PLAN when it does not fit
 */
export function changeEnvironmentBlock(
  text: string,
  changes: ReadonlyMap<string, string | undefined>,
): string {
  const isBlock = text.startsWith(SIGNATURE);
  const size = isBlock ? Buffer.byteLength(text) : DEFAULT_SIZE;
  const isPadding = (line: string): boolean => /^#*$/.test(line);
  const kept = (isBlock ? entriesOf(text) : []).filter(
    (line) => !isPadding(line) && !changes.has(line.slice(0, Math.max(0, line.indexOf('=')))),
  );
  const added = [...changes].flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value.replace(/[\\\n]/g, '\\$&')}`],
  );
  const content = `${SIGNATURE}${[...kept, ...added].map((line) => `${line}\n`).join('')}`;
  const free = size - Buffer.byteLength(content);
  if (free >= 0) return content + '#'.repeat(free);
  throw new KhopError('E_PLAN', `GRUB's environment block has ${size} bytes, ${-free} too few for this`, {
    hint: 'Look at it with `grub-editenv list` and remove what is not needed with `grub-editenv - unset NAME`.',
  });
}
