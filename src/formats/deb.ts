/**
 * Debian binary packages: an ar archive of debian-binary, control.tar and data.tar.
 * Specification: deb(5); deb-control(5) and deb822(5) for the fields.
 * @module
 */
import { isAr, parseAr } from './ar.ts';
import { ByteReader } from './byte-reader.ts';
import { decompress, detectCompression } from './compression.ts';
import { parseTar, type TarEntry } from './tar.ts';

/** The largest kernel packages unpack to about half a GiB. */
const DATA_LIMIT = 3 * 2 ** 30;
/** Scripts and lists of files. */
const CONTROL_LIMIT = 64 * 2 ** 20;

/** Whether it is an ar archive whose first member is `debian-binary`. */
export function isDeb(bytes: Uint8Array): boolean {
  return isAr(bytes, 'debian-binary');
}

/**
 * The files that the package installs, in order, as views of the unpacked data.
 * @throws E_FORMAT for a package that is damaged; E_UNSUPPORTED for one that is absurdly large
 */
export function parseDebFiles(bytes: Uint8Array): Generator<TarEntry> {
  return parseTar(unpackMember(bytes, 'data.tar', DATA_LIMIT));
}

/**
 * The fields of the package's control file: `Package`, `Version`, `Depends`, ... with their names as they are
 * written there. Lines of a field that goes on are joined by newlines.
 * @throws E_FORMAT, also when there is no control file
 */
export function parseDebControl(bytes: Uint8Array): ReadonlyMap<string, string> {
  for (const { path, bytes: text } of parseTar(unpackMember(bytes, 'control.tar', CONTROL_LIMIT)))
    if (path === './control' || path === 'control') return parseParagraph(Buffer.from(text).toString('utf8'));
  return new ByteReader(bytes, 'deb').fail('control.tar', 0, 'it has no control file');
}

function unpackMember(bytes: Uint8Array, name: string, maxOutputBytes: number): Uint8Array {
  const reader = new ByteReader(bytes, 'deb');
  if (!isDeb(bytes)) reader.fail('magic', 0, 'it is no Debian package');
  const member =
    parseAr(bytes).find((one) => one.name === name || one.name.startsWith(`${name}.`)) ??
    reader.fail(name, 0, 'there is none');
  const isPacked = member.name !== name || detectCompression(member.bytes) !== undefined;
  if (!isPacked) return member.bytes;
  return decompress(member.bytes, { name: `${member.name} of a Debian package`, maxOutputBytes });
}

/** deb822(5): `Name: value`, lines that go on begin with a blank, comments with `#`. */
function parseParagraph(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  let name: string | undefined;
  for (const line of text.split('\n')) {
    if (line.trim() === '' && fields.size > 0) break;
    if (line.startsWith('#')) continue;
    const [, field, value] = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (field !== undefined) {
      name = field;
      fields.set(field, value!.trimEnd());
    } else if (name !== undefined && /^[ \t]/.test(line))
      fields.set(name, `${fields.get(name)}\n${line.slice(1).trimEnd()}`);
  }
  return fields;
}
