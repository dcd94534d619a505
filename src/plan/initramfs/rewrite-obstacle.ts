/**
 * Can the archives of an initramfs be written anew, as one, so that the kernel unpacks the same tree?
 *
 * init/initramfs.c handles entry after entry: a file replaces what is there, a folder stays when it is there
 * already, a link is made when its turn comes. An archive's end forgets only which inode numbers were seen
 * (free_hash() in do_name()), so hard links are the one thing that does not reach over it. The entries of all
 * archives in their order, each with an inode number that no other file has, are therefore the same as the
 * archives, also where a later one replaces files or folders of an earlier one. What is left are the cases
 * below, which no builder of initramfs images makes.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import type { Initramfs } from '../../formats/initramfs.ts';
import { isEarlyFile, mainParts } from './early-archives.ts';

const FILE_TYPE = 0o170000;
const REGULAR_FILE = 0o100000;

/** Why not, or undefined when it can. */
export function rewriteObstacle(content: Initramfs): string | undefined {
  if (content.misalignedArchives.length > 0) return 'the kernel does not reach all of its archives';
  const parts = mainParts(content);
  if (parts.length === 0) return 'it holds nothing but early archives';
  for (const { entries, compression } of parts) {
    const odd = entries.find(({ name }) => !isPlainName(name));
    if (odd !== undefined) return `the name ${JSON.stringify(odd.name)} cannot be written as it was`;
    const early = entries.find(({ name }) => isEarlyFile(name));
    if (early !== undefined && compression !== 'none')
      return `${early.name} is in a compressed archive, and the kernel would see it in a plain one`;
    const repeated = repeatedFile(entries);
    if (repeated !== undefined) return `the file ${repeated} is there twice in one archive`;
  }
  return undefined;
}

/** Names are bytes; what is not UTF-8 was replaced when it was read. */
function isPlainName(name: string): boolean {
  return name !== '' && !name.includes('\0') && !name.includes('\ufffd');
}

/** Either one may be a hard link to what the other replaced, or to itself. */
function repeatedFile(entries: readonly CpioEntry[]): string | undefined {
  const seen = new Set<string>();
  for (const { name, mode } of entries) {
    if ((mode & FILE_TYPE) !== REGULAR_FILE) continue;
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

/** All names of files that have more than one. */
export function linkedNames(entries: readonly CpioEntry[]): ReadonlySet<string> {
  return new Set(
    entries.flatMap(({ name, hardLinkTo }) => (hardLinkTo === undefined ? [] : [name, hardLinkTo])),
  );
}
