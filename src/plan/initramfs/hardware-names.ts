/**
 * udev's hardware database without what devices are called. Vendors and models by name are more than nine tenths
 * of it; they are for people to read, and the root's own udev looks them up again. What rules act upon stays: keys of
 * keyboards, how network interfaces are called, and whatever else there is.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { CpioEntry } from '../../formats/cpio.ts';
import { parseHwdb } from '../../formats/hwdb.ts';
import { encodeHwdb } from '../../formats/hwdb-writer.ts';

const DATABASE = /^(?:(?:usr\/)?lib\/udev|etc\/udev|(?:usr\/lib|etc)\/systemd\/hwdb)\/hwdb\.bin$/;

/** As the database stores it. ID_NET_NAME_FROM_DATABASE is no name for people but for the interface. */
const NAME_FOR_PEOPLE = /^ ID_(?!NET_)[A-Z_]+_FROM_DATABASE$/;
const ENDING = '_FROM_DATABASE';
const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1');

/**
 * The databases in `entries` that get smaller -> their smaller form. What a rule or a script mentions stays: rules
 * for seats tell display controllers by the name of their class.
 */
export function withoutHardwareNames(entries: readonly CpioEntry[]): ReadonlyMap<CpioEntry, CpioEntry> {
  const databases = entries.filter(({ name, bytes }) => DATABASE.test(name) && bytes.length > 0);
  const mentioned = databases.length === 0 ? undefined : mentionedNames(entries, databases);
  if (mentioned === undefined) return new Map();
  return new Map(
    databases.flatMap((entry) => {
      const bytes = withoutNames(entry.bytes, mentioned);
      return bytes !== undefined && bytes.length < entry.bytes.length ? [[entry, { ...entry, bytes }]] : [];
    }),
  );
}

/**
 * Programs are left out of it: those of udev have the names of properties in them that they only set. Undefined
 * when a text puts the name of a property together.
 */
function mentionedNames(
  entries: readonly CpioEntry[],
  databases: readonly CpioEntry[],
): ReadonlySet<string> | undefined {
  const mentioned = new Set<string>();
  for (const entry of entries) {
    const content = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.length);
    if (databases.includes(entry) || content.subarray(0, ELF_MAGIC.length).equals(ELF_MAGIC)) continue;
    if (!content.includes(ENDING)) continue;
    const text = content.toString('latin1');
    const names = text.match(/\bID_[A-Z_]+_FROM_DATABASE/g) ?? [];
    if (names.length !== text.split(ENDING).length - 1) return undefined;
    for (const name of names) mentioned.add(` ${name}`);
  }
  return mentioned;
}

/** Undefined for a file that is not understood: it stays as it is. */
function withoutNames(bytes: Uint8Array, mentioned: ReadonlySet<string>): Uint8Array | undefined {
  const stays = (property: string): boolean => mentioned.has(property) || !NAME_FOR_PEOPLE.test(property);
  try {
    return encodeHwdb(parseHwdb(bytes, stays));
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return undefined;
  }
}
