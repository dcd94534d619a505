/**
 * ar archives in the common format, as ar(5) and deb(5) have it.
 *
 *     magic "!<arch>\n", then for each member, at an even offset:
 *     0 16 name | 16 12 mtime | 28 6 uid | 34 6 gid | 40 8 mode | 48 10 size, decimal | 58 2 "`\n" | data
 * @module
 */
import { ByteReader } from './byte-reader.ts';

const MAGIC = '!<arch>\n';
const HEADER_SIZE = 60;

/** One member. `bytes` is a view of the archive. */
export interface ArMember {
  /** Without the slash that GNU ar puts behind it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Whether the bytes begin with an archive, and with a member of the name where one is given. */
export function isAr(bytes: Uint8Array, firstMember = ''): boolean {
  const start = `${MAGIC}${firstMember}`;
  return Buffer.from(bytes.subarray(0, start.length)).toString('latin1') === start;
}

/** Members in order. @throws E_FORMAT */
export function parseAr(bytes: Uint8Array): ArMember[] {
  const reader = new ByteReader(bytes, 'ar archive');
  if (!isAr(bytes)) reader.fail('magic', 0, 'is not "!<arch>"');
  const members: ArMember[] = [];
  for (let at = MAGIC.length; at < reader.length; ) {
    if (reader.text(at + 58, 2, 'ar_fmag') !== '`\n') reader.fail('ar_fmag', at + 58, 'is wrong');
    const digits = reader.text(at + 48, 10, 'ar_size').trim();
    if (!/^\d{1,10}$/.test(digits)) reader.fail('ar_size', at + 48, `"${digits}" is no number`);
    const size = Number(digits);
    const name = reader.text(at, 16, 'ar_name').trim().replace(/\/$/, '');
    members.push({ name, bytes: reader.slice(at + HEADER_SIZE, size, name) });
    at += HEADER_SIZE + size + (size % 2);
  }
  return members;
}
