/**
 * What boot loader entries of both types have in common: names, order and the default among them.
 * Specification: UAPI.1 Boot Loader Specification, "Sorting", "Boot counting"; loader.conf(5).
 * @module
 */
import { compileGlob } from '../formats/glob.ts';
import type { KernelDraft } from './kernel-draft.ts';
import { compareText, compareVersions } from './release-order.ts';

/** One entry as a boot manager sees it. */
export interface BootEntry {
  /** File name with its suffix, without the boot counter. */
  readonly id: string;
  readonly sortKey: string | undefined;
  readonly machineId: string | undefined;
  readonly version: string | undefined;
  /** Undefined: not counted. 0: was tried as often as allowed and never said that it is good. */
  readonly triesLeft: number | undefined;
  readonly draft: KernelDraft;
}

/** What loader.conf says about the default: patterns of entry ids, the more important first. */
export type LoaderDefaults = readonly string[];

/** `name+3-1.conf` -> id `name.conf`, 3 tries left. */
export function parseEntryFileName(name: string): { id: string; triesLeft: number | undefined } {
  const match = /^(.*)\+(\d{1,9})(?:-\d{1,9})?(\.[^.]+)$/.exec(name);
  if (match === null) return { id: name, triesLeft: undefined };
  return { id: `${match[1]}${match[3]}`, triesLeft: Number(match[2]) };
}

/** An entry's id without `.conf` or `.efi`, which is how GRUB and older tools name it. */
export function withoutSuffix(id: string): string {
  return id.replace(/\.(?:conf|efi)$/i, '');
}

/** The order of a menu: entries that used up their tries last, then by sort key, machine and newest version. */
export function compareBootEntries(a: BootEntry, b: BootEntry): number {
  const isBad = (entry: BootEntry): boolean => entry.triesLeft === 0;
  if (isBad(a) !== isBad(b)) return isBad(a) ? 1 : -1;
  if ((a.sortKey === undefined) !== (b.sortKey === undefined)) return a.sortKey === undefined ? 1 : -1;
  const bySortKey =
    compareText(a.sortKey ?? '', b.sortKey ?? '') ||
    compareText(a.machineId ?? '', b.machineId ?? '') ||
    compareVersions(b.version ?? '', a.version ?? '');
  if (a.sortKey !== undefined && bySortKey !== 0) return bySortKey;
  return compareVersions(withoutSuffix(b.id), withoutSuffix(a.id)) || compareText(b.id, a.id);
}

/**
 * Lines of `key value`; `preferred` counts before `default`.
 * @param lastBooted EFI variable LoaderEntryLastBooted, which is meant by `@saved`. Unknown, and other words with an `@`:
 *   the line says nothing
 */
export function parseLoaderConf(text: string, lastBooted?: string): LoaderDefaults {
  const patterns = (key: string): string[] =>
    text.split('\n').flatMap((line) => {
      const [name, word] = line.trim().split(/\s+/);
      const value = word === '@saved' ? lastBooted : word;
      return name === key && value !== undefined && !value.startsWith('@') ? [value] : [];
    });
  // The last line of a key counts.
  return [...patterns('preferred').slice(-1), ...patterns('default').slice(-1)];
}

/** What a boot manager would start by itself: the first entry that a pattern fits, else the first of the menu. */
export function defaultBootEntry(
  entries: readonly BootEntry[],
  patterns: LoaderDefaults,
): BootEntry | undefined {
  const sorted = entries.toSorted(compareBootEntries);
  for (const pattern of patterns) {
    // Without regard to case, because entries lie on FAT.
    const fits = compileGlob(pattern.toLowerCase());
    const chosen = sorted
      .map(({ id }) => id.toLowerCase())
      .findIndex((id) => fits(id) || fits(withoutSuffix(id)));
    if (chosen >= 0) return sorted[chosen];
  }
  return sorted[0];
}
