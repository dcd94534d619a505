/**
 * Modules that a distribution packs one by one are unpacked beforehand: otherwise modprobe, or the kernel,
 * does so with each that is loaded, and nothing else runs meanwhile. A module's signature is of what is inside.
 * @module
 */
import { KhopError } from '../../error.ts';
import { decompress, detectCompression } from '../../formats/compression.ts';
import type { CpioEntry } from '../../formats/cpio.ts';

const MODULE_LIMIT = 64 * 1024 * 1024;
const PACKED_NAME = /\.ko\.(?:gz|xz|zst)$/;

/** `kernel/fs/ext4/ext4.ko.xz` -> `kernel/fs/ext4/ext4.ko`: kmod tells by the name what is packed. */
function unpackedName(path: string): string {
  return PACKED_NAME.test(path) ? path.slice(0, path.lastIndexOf('.')) : path;
}

/** The module, not packed. @throws E_FORMAT, E_UNSUPPORTED for one that is damaged */
export function unpackModule({ name, bytes }: Pick<CpioEntry, 'name' | 'bytes'>): Uint8Array {
  return detectCompression(bytes) === undefined
    ? bytes
    : decompress(bytes, { name, maxOutputBytes: MODULE_LIMIT });
}

/**
 * `modules` under their new names, each by what it was. None at all when one of them cannot be unpacked, has
 * several names, or would get the name of another file: the indexes know paths of one kind.
 * @param taken names of other files
 */
export function unpackModules(
  modules: readonly CpioEntry[],
  taken: ReadonlySet<string>,
): ReadonlyMap<CpioEntry, CpioEntry> {
  const packed = modules.filter(({ name }) => PACKED_NAME.test(name));
  const plain = new Set(modules.map(({ name }) => name).filter((name) => !PACKED_NAME.test(name)));
  const isInTheWay = (name: string): boolean => taken.has(name) || plain.has(name);
  if (packed.some(({ name }) => isInTheWay(name) || isInTheWay(unpackedName(name)))) return new Map();
  try {
    return new Map(
      packed.map((entry) => [
        entry,
        { ...entry, name: unpackedName(entry.name), bytes: unpackModule(entry) },
      ]),
    );
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return new Map();
  }
}
