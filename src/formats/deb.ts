/**
 * Debian binary packages: an ar archive of debian-binary, control.tar and data.tar.
 * Specification: deb(5); the ar header as ar(5) of the common format has it.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { decompress, detectCompression } from './compression.ts';
import { parseTar, type TarEntry } from './tar.ts';

const MAGIC = '!<arch>\n';
const HEADER = 60;
/** The largest kernel packages unpack to about half a GiB. */
const DATA_LIMIT = 3 * 2 ** 30;

/** Whether it is an ar archive whose first member is `debian-binary`. */
export function isDeb(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 21)).toString('latin1') === `${MAGIC}debian-binary`;
}

interface ArMember {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** ar(5): name 16, mtime 12, uid 6, gid 6, mode 8, size 10, magic 2; members begin at even offsets. */
function parseAr(reader: ByteReader): ArMember[] {
  const members: ArMember[] = [];
  for (let at = MAGIC.length; at < reader.length; ) {
    if (reader.text(at + 58, 2, 'ar_fmag') !== '`\n') reader.fail('ar_fmag', at + 58, 'is wrong');
    const digits = reader.text(at + 48, 10, 'ar_size').trim();
    if (!/^\d{1,10}$/.test(digits)) reader.fail('ar_size', at + 48, `"${digits}" is no number`);
    const size = Number(digits);
    const name = reader.text(at, 16, 'ar_name').trim().replace(/\/$/, '');
    members.push({ name, bytes: reader.slice(at + HEADER, size, name) });
    at += HEADER + size + (size % 2);
  }
  return members;
}

/**
 * The files that the package installs, in order, as views of the unpacked data.
 * @throws E_FORMAT for a package that is damaged; E_UNSUPPORTED for a compression without a decoder here
 */
export function parseDebFiles(bytes: Uint8Array): Generator<TarEntry> {
  const reader = new ByteReader(bytes, 'deb');
  if (!isDeb(bytes)) reader.fail('magic', 0, 'it is no Debian package');
  const data =
    parseAr(reader).find(({ name }) => /^data\.tar(?:\.\w+)?$/.test(name)) ??
    reader.fail('data.tar', 0, 'there is none');
  const isPacked = data.name !== 'data.tar' || detectCompression(data.bytes) !== undefined;
  const options = { name: `${data.name} of a Debian package`, maxOutputBytes: DATA_LIMIT };
  return parseTar(isPacked ? decompress(data.bytes, options) : data.bytes);
}
