/**
 * Writes cpio archives of the "newc" kind. The layout is described in cpio.ts, which reads them.
 * @module
 */
import { KhopError } from '../error.ts';
import { CPIO_HEADER_SIZE, CPIO_TRAILER, type CpioEntry } from './cpio.ts';
import { joinBytes } from './join-bytes.ts';

const FOLDER = 0o040000;
const FILE = 0o100000;
const SYMLINK = 0o120000;
const CHARACTER_DEVICE = 0o020000;
const BLOCK_DEVICE = 0o060000;

function entryOf(name: string, mode: number, bytes: Uint8Array = new Uint8Array()): CpioEntry {
  return {
    name,
    mode,
    uid: 0,
    gid: 0,
    modifiedAt: 0,
    deviceMajor: 0,
    deviceMinor: 0,
    bytes,
    hardLinkTo: undefined,
  };
}

/** A folder of root's. */
export function cpioFolder(name: string, permissions = 0o755): CpioEntry {
  return entryOf(name, FOLDER | permissions);
}

/** A file of root's. */
export function cpioFile(name: string, bytes: Uint8Array, permissions = 0o644): CpioEntry {
  return entryOf(name, FILE | permissions, bytes);
}

/** A symbolic link to `target`. */
export function cpioSymlink(name: string, target: string): CpioEntry {
  return entryOf(name, SYMLINK | 0o777, Buffer.from(target));
}

/** Another name for `file`, which has to be in the same archive, before it. */
export function cpioHardLink(name: string, file: CpioEntry): CpioEntry {
  return { ...file, name, hardLinkTo: file.hardLinkTo ?? file.name };
}

/** A device node of root's: /dev/console is `('dev/console', 'character', 5, 1, 0o600)`. */
export function cpioDevice(
  name: string,
  kind: 'character' | 'block',
  major: number,
  minor: number,
  permissions = 0o600,
): CpioEntry {
  const type = kind === 'character' ? CHARACTER_DEVICE : BLOCK_DEVICE;
  return { ...entryOf(name, type | permissions), deviceMajor: major, deviceMinor: minor };
}

/** The folders above each of `paths`, outermost first, each once: the kernel makes none by itself. */
export function parentFolders(paths: readonly string[]): string[] {
  const parents = paths.flatMap((path) => {
    const parts = path.split('/').slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  });
  return [...new Set(parents)];
}

/** Where an entry goes: its inode number, how many names the file has, and whether its data is written here. */
interface Placement {
  readonly inode: number;
  readonly linkCount: number;
  readonly carriesData: boolean;
}

/**
 * One archive with its trailer, a multiple of 4 bytes long; the same entries give the same bytes. Entries
 * keep their order: a folder has to come before what is in it. Inode numbers count from 1.
 * @throws E_FORMAT for a name or number that an archive cannot hold, or a hard link to nothing
 */
export function encodeCpio(entries: readonly CpioEntry[]): Uint8Array {
  return joinBytes(encodeCpioPieces(entries));
}

/** The same in pieces, with the entries' own bytes among them: an archive may be as large as memory allows. */
export function encodeCpioPieces(entries: readonly CpioEntry[]): Uint8Array[] {
  const placements = placeEntries(entries);
  const chunks = entries.map((entry, index) => encodeEntry(entry, placements[index]!));
  const trailer = encodeEntry(entryOf(CPIO_TRAILER, 0), { inode: 0, linkCount: 1, carriesData: true });
  return [...chunks.flat(), ...trailer];
}

function placeEntries(entries: readonly CpioEntry[]): Placement[] {
  const files: { name: string; last: number; links: number }[] = [];
  const byName = new Map<string, number>();
  const fileOf = entries.map((entry, index) => {
    const known = entry.hardLinkTo === undefined ? undefined : byName.get(entry.hardLinkTo);
    if (entry.hardLinkTo !== undefined && known === undefined)
      refuse(`${entry.name} is a hard link to ${entry.hardLinkTo}, which is not in front of it`);
    const file = known ?? files.push({ name: entry.name, last: index, links: 0 }) - 1;
    if (known === undefined) byName.set(entry.name, file);
    files[file]!.last = index;
    files[file]!.links++;
    return file;
  });
  return fileOf.map((file, index) => ({
    inode: file + 1,
    linkCount: files[file]!.links,
    carriesData: files[file]!.last === index,
  }));
}

function encodeEntry(entry: CpioEntry, placement: Placement): Uint8Array[] {
  const name = Buffer.from(`${entry.name}\0`);
  if (entry.name === '' || name.indexOf(0) !== name.length - 1 || name.length > 4096)
    refuse(`"${entry.name}" cannot be the name of a file in an archive`);
  const data = placement.carriesData ? entry.bytes : new Uint8Array();
  const fields = [
    placement.inode,
    entry.mode,
    entry.uid,
    entry.gid,
    placement.linkCount,
    entry.modifiedAt,
    data.length,
    0,
    0,
    entry.deviceMajor,
    entry.deviceMinor,
    name.length,
    0,
  ];
  const header = `070701${fields.map((field) => hexDigits(field, entry.name)).join('')}`;
  const paddedName = new Uint8Array(align4(CPIO_HEADER_SIZE + name.length) - CPIO_HEADER_SIZE);
  paddedName.set(name);
  return [Buffer.from(header, 'latin1'), paddedName, data, new Uint8Array(align4(data.length) - data.length)];
}

function hexDigits(value: number, name: string): string {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    refuse(`${name} has the number ${value}, which does not fit in 32 bits`);
  return value.toString(16).padStart(8, '0');
}

function align4(value: number): number {
  return Math.ceil(value / 4) * 4;
}

function refuse(problem: string): never {
  throw new KhopError('E_FORMAT', `cpio archive: ${problem}`, {
    hint: 'Leave this file out, or rename it.',
  });
}
