/**
 * Tape archives: POSIX ustar with the extensions that GNU tar and pax write for long names.
 * Specification: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual,
 * "Basic Tar Format" (types L and K, sizes in base 256).
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** One member. `bytes` is a view of the archive. */
export interface TarEntry {
  /** As the archive has it: may begin with `./`, and may be hostile. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'symbolic-link' | 'hard-link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
  /** Target of a link. */
  readonly target: string;
}

const BLOCK = 512;
const KINDS: Readonly<Record<string, TarEntry['kind']>> = {
  '': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hard-link',
  '2': 'symbolic-link',
  '5': 'folder',
};

/** Octal text; GNU writes what does not fit as a big-endian number after 0x80. */
function readNumber(reader: ByteReader, offset: number, width: number, field: string): number {
  if (reader.u8(offset, field) === 0x80) return Number(reader.u64be(offset + width - 8, field));
  const text = reader.text(offset, width, field).trim();
  if (!/^[0-7]*$/.test(text)) reader.fail(field, offset, `"${text}" is no octal number`);
  return text === '' ? 0 : Number.parseInt(text, 8);
}

/** The sum of the header's bytes, with its own field as blanks. */
function checkSum(header: Uint8Array): number {
  return header.reduce((sum, byte, index) => sum + (148 <= index && index < 156 ? 0x20 : byte), 0);
}

/** `path` and `linkpath` of `LENGTH KEY=VALUE\n` records. */
function parsePaxRecords(bytes: Uint8Array): Map<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const head = Buffer.from(bytes.subarray(at, at + 12)).toString('latin1');
    const length = Number(/^(\d{1,10}) /.exec(head)?.[1] ?? 0);
    if (length === 0) break;
    const record = Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
    const [, key, value] = /^\d+ ([^=]*)=([^]*)\n$/.exec(record) ?? [];
    if (key !== undefined && value !== undefined) values.set(key, value);
    at += length;
  }
  return values;
}

/** What extension members say of the next member. */
interface Pending {
  path?: string | undefined;
  target?: string | undefined;
}

/** Members in order, up to the two blocks of zeros. @throws E_FORMAT while iterating */
export function* parseTar(bytes: Uint8Array): Generator<TarEntry> {
  const reader = new ByteReader(bytes, 'tar');
  let pending: Pending = {};
  for (let at = 0; at < bytes.length; ) {
    const header = reader.slice(at, BLOCK, 'header');
    if (header.every((byte) => byte === 0)) return;
    if (readNumber(reader, at + 148, 8, 'chksum') !== checkSum(header))
      reader.fail('chksum', at + 148, 'is wrong');
    const size = readNumber(reader, at + 124, 12, 'size');
    const type = reader.text(at + 156, 1, 'typeflag');
    const data = reader.slice(at + BLOCK, size, 'member');
    const name = (): string => Buffer.from(data).toString('utf8').replace(/\0.*$/s, '');
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (type === 'L') pending = { ...pending, path: name() };
    else if (type === 'K') pending = { ...pending, target: name() };
    else if (type === 'x') {
      const records = parsePaxRecords(data);
      pending = { path: records.get('path'), target: records.get('linkpath') };
    } else if (type !== 'g') {
      yield readMember(reader, header, type, data, pending);
      pending = {};
    }
  }
}

function readMember(
  reader: ByteReader,
  header: Uint8Array,
  type: string,
  data: Uint8Array,
  pending: Pending,
): TarEntry {
  const fields = new ByteReader(header, 'tar');
  const utf8 = (offset: number, width: number, field: string): string =>
    Buffer.from(fields.text(offset, width, field), 'latin1').toString('utf8');
  const isUstar = fields.text(257, 5, 'magic') === 'ustar';
  const prefix = isUstar && fields.text(257, 6, 'magic') === 'ustar' ? utf8(345, 155, 'prefix') : '';
  const name = utf8(0, 100, 'name');
  const path = pending.path ?? (prefix === '' ? name : `${prefix}/${name}`);
  if (path === '') reader.fail('name', 0, 'is empty');
  return {
    path,
    kind: KINDS[type] ?? 'other',
    mode: readNumber(fields, 100, 8, 'mode') & 0o7777,
    bytes: data,
    target: pending.target ?? utf8(157, 100, 'linkname'),
  };
}
