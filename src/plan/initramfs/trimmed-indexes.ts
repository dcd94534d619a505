/**
 * depmod's indexes without the modules that went. Otherwise kmod would find a path in modules.dep.bin and
 * fail to open it, which it reports as an unknown symbol, where a module that is not there is "not found".
 * Both forms are rewritten where they are: kmod reads the binary ones, busybox the text.
 * @module
 */
import type { CpioEntry } from '../../formats/cpio.ts';
import { moduleName } from '../../formats/module-file.ts';
import { type ModuleIndexEntry, parseModuleIndex } from '../../formats/module-index.ts';
import { encodeModuleIndex } from '../../formats/module-index-writer.ts';
import { modulePlaceOf, textOf } from './module-folder.ts';

/** The module that a line is about, by file; lines about none stay. */
const TEXTS: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    'modules.dep': /^([^:#]+):/,
    'modules.alias': /^alias \S+ (\S+)/,
    'modules.symbols': /^alias \S+ (\S+)/,
    'modules.softdep': /^softdep (\S+)/,
    'modules.weakdep': /^weakdep (\S+)/,
    'modules.devname': /^(\S+) /,
    'modules.order': /^([^#\s]+)/,
  }),
);

/** The module that an entry is about. modules.builtin.bin and its aliases are about none that can go. */
const BINARIES: ReadonlyMap<string, (entry: ModuleIndexEntry) => string> = new Map([
  ['modules.dep.bin', ({ key }) => key],
  ['modules.alias.bin', ({ value }) => value],
  ['modules.symbols.bin', ({ value }) => value],
]);

/** What became of a folder's modules. */
export interface ModuleChanges {
  readonly release: string;
  readonly isDropped: (module: string) => boolean;
  /** Those that stay have lost the `.xz` of their names. */
  readonly areUnpacked: boolean;
}

/**
 * `entry`, or the same file without what is about modules that went, and with the paths of those that stay.
 * @throws E_FORMAT for a damaged index
 */
export function withTrimmedIndex(entry: CpioEntry, changes: ModuleChanges): CpioEntry {
  const { release, isDropped, areUnpacked } = changes;
  const place = modulePlaceOf(entry.name);
  if (place?.release !== release || entry.bytes.length === 0) return entry;
  const rename = (line: string): string => (areUnpacked ? withUnpackedPaths(line) : line);
  const binary = BINARIES.get(place.path);
  if (binary !== undefined) {
    const kept = parseModuleIndex(entry.bytes).filter((one) => !isDropped(moduleName(binary(one))));
    return { ...entry, bytes: encodeModuleIndex(kept.map((one) => ({ ...one, value: rename(one.value) }))) };
  }
  const text = TEXTS.get(place.path);
  if (text === undefined) return entry;
  const lines = textOf(entry.bytes)
    .split('\n')
    .filter((line) => {
      const about = text.exec(line)?.[1];
      return about === undefined || !isDropped(moduleName(about));
    });
  return { ...entry, bytes: Buffer.from(lines.map(rename).join('\n'), 'latin1') };
}

/** `a.ko.xz: b.ko.xz c.ko.xz` -> `a.ko: b.ko c.ko`. */
function withUnpackedPaths(line: string): string {
  return line.replaceAll(/\.ko\.(?:gz|xz|zst)(?=[:\s]|$)/g, '.ko');
}
