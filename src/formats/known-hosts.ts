/**
 * The keys by which ssh knows a host. Specification: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
 *
 *     [MARKER] NAMES TYPE KEY [COMMENT]
 *
 * NAMES is a list of patterns with commas between them, `!` in front of one that must not be, `[NAME]:PORT` for another port
 * than 22; or `|1|SALT|HASH`, HMAC-SHA1 of the name.
 * @module
 */
import { createHmac } from 'node:crypto';
import { compileGlob } from './glob.ts';

const PORT = 22;

/** `TYPE KEY` of each key that the host may have; certificates are not looked at. */
export function hostKeysOf(text: string, host: string, port: number): readonly string[] {
  const name = (port === PORT ? host : `[${host}]:${port}`).toLowerCase();
  const lines = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first = '']) => first !== '' && !first.startsWith('#'));
  const keysWith = (marker: string | undefined): string[] =>
    lines.flatMap((line) => {
      const [names = '', type, key] = marker === undefined ? line : line.slice(1);
      const isMarked = line[0]?.startsWith('@') ? line[0] === marker : marker === undefined;
      return isMarked && type !== undefined && key !== undefined && isNamed(names, name)
        ? [`${type} ${key}`]
        : [];
    });
  const revoked = new Set(keysWith('@revoked'));
  return [...new Set(keysWith(undefined))].filter((key) => !revoked.has(key));
}

function isNamed(names: string, name: string): boolean {
  if (names.startsWith('|')) return isHashOf(names, name);
  const patterns = names.split(',');
  // Brackets are those around a name with a port.
  const matches = (pattern: string) => compileGlob(pattern.replace(/[[\]\\]/g, '\\$&').toLowerCase())(name);
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1)))) return false;
  return patterns.some(matches);
}

function isHashOf(hashed: string, name: string): boolean {
  const [, version, salt = '', hash] = hashed.split('|');
  return (
    version === '1' && createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
  );
}
