/**
 * Boot loader entries of type 1: one text file for each kernel, in loader/entries of the EFI system partition
 * or of /boot. GRUB of Fedora and others (blscfg) reads the same files, and replaces variables in them.
 * Specification: UAPI.1 Boot Loader Specification, "Type #1 Boot Loader Specification Entries".
 * @module
 */
import { posix } from 'node:path';
import { KhopError } from '../error.ts';
import type { BootEntry } from './boot-entry.ts';
import { parseEntryFileName, withoutSuffix } from './boot-entry.ts';
import { type FileSystem, type Location, locateOnMount, mountPointOf } from './file-systems.ts';
import { withoutLoaderArguments } from './kernel-draft.ts';
import { compareText, compareVersions } from './release-order.ts';
import { listFolder, readText, resolveInRoot } from './root-folder.ts';

/** Where $BOOT (EFI system partition or XBOOTLDR) is mounted by one distribution or another. */
const BOOT_FOLDERS = ['/boot', '/efi', '/boot/efi', '/boot/firmware'];
/** Keys that may stand in several lines, which then all count. */
const REPEATED = new Set(['initrd', 'options', 'devicetree-overlay']);
/** Variables of tuned and of dracut's early CPIO: GRUB takes them as empty where nobody sets them. */
const USUALLY_UNSET = new Set(['tuned_params', 'tuned_initrd', 'early_initrd']);

/** All keys of one file. */
export type EntryFields = ReadonlyMap<string, readonly string[]>;

/** What is read from. */
export interface BootEntryContext {
  readonly root: string;
  readonly fileSystems: readonly FileSystem[];
  /** GRUB's variables where GRUB reads the entries; undefined: `$` means nothing. */
  readonly variables: ReadonlyMap<string, string> | undefined;
}

/** Folders that may hold `loader/` and `EFI/Linux`, each once although it is mounted or linked twice. */
export function bootFolders(root: string, fileSystems: readonly FileSystem[]): string[] {
  const mounted = fileSystems
    .map((one) => one.mountPoint)
    .filter((one) => /^\/(?:boot|efi)(?:\/|$)/.test(one));
  return [...new Set([...BOOT_FOLDERS, ...mounted].map((folder) => resolveInRoot(root, folder)))];
}

/** `key value` lines; `#` begins a comment line; a key that may not repeat keeps its last value. */
export function parseEntryFields(text: string): EntryFields {
  const fields = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [, key, value] = /^\s*([^#\s]\S*)\s+(\S.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const earlier = REPEATED.has(key) ? (fields.get(key) ?? []) : [];
    fields.set(key, [...earlier, value.trimEnd()]);
  }
  return fields;
}

/** Entries of every folder, and what could not be read. */
export function readBootLoaderEntries(context: BootEntryContext): {
  entries: BootEntry[];
  warnings: string[];
} {
  const entries: BootEntry[] = [];
  const warnings: string[] = [];
  for (const folder of bootFolders(context.root, context.fileSystems)) {
    const place = posix.join(folder, 'loader/entries');
    try {
      for (const name of listFolder(context.root, place).filter((one) => /\.conf$/i.test(one))) {
        const text = readText(context.root, posix.join(place, name)) ?? '';
        const entry = describeEntry(context, folder, name, parseEntryFields(text));
        if (entry === undefined) warnings.push(`${posix.join(place, name)} names no kernel`);
        else entries.push(entry);
      }
    } catch (error) {
      if (!(error instanceof KhopError)) throw error;
      warnings.push(error.message);
    }
  }
  return { entries, warnings };
}

/** A path of an entry: below $BOOT, or below the mount point when $BOOT is a folder of a larger file system. */
function locateEntryFile(context: BootEntryContext, folder: string, path: string): string {
  const { root, fileSystems } = context;
  const slashed = posix.join('/', path.replaceAll('\\', '/'));
  const places: Location[] = [folder, mountPointOf(fileSystems, folder)].map((place) =>
    locateOnMount(root, place, slashed),
  );
  const location = places.find((one) => one.state === 'found') ?? places[0];
  return location === undefined || location.state === 'unreachable' ? slashed : location.path;
}

/** Replaces `$name` and `${name}`; the names that have no value and should have one are collected. */
function replaceVariables(context: BootEntryContext, text: string, unknown: Set<string>): string {
  const { variables } = context;
  if (variables === undefined) return text;
  return text.replace(/\$(?:\{(\w+)\}|([A-Za-z_]\w*))/g, (_, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? '';
    const value =
      variables.get(name) ?? (name === 'kernelopts' ? variables.get('default_kernelopts') : undefined);
    if (value === undefined && !USUALLY_UNSET.has(name)) unknown.add(name);
    return value ?? '';
  });
}

function describeEntry(
  context: BootEntryContext,
  folder: string,
  name: string,
  fields: EntryFields,
): BootEntry | undefined {
  const { id, triesLeft } = parseEntryFileName(name);
  const one = (key: string): string | undefined => fields.get(key)?.at(-1);
  const image = one('linux') ?? one('uki') ?? one('efi');
  if (image === undefined) return undefined;
  const unknown = new Set<string>();
  const all = (key: string): string => replaceVariables(context, (fields.get(key) ?? []).join(' '), unknown);
  const locate = (path: string): string => locateEntryFile(context, folder, path);
  const initrds = all('initrd')
    .split(/\s+/)
    .filter((path) => path !== '');
  const commandLine = withoutLoaderArguments(all('options'));
  const deviceTree = one('devicetree');
  const overlays = all('devicetree-overlay');
  const problems = [...unknown].map((variable) => `$${variable} has no value in GRUB's environment block`);
  if (overlays !== '') problems.push(`khop does not apply its device tree overlays (${overlays})`);
  return {
    id,
    triesLeft,
    sortKey: one('sort-key'),
    machineId: one('machine-id'),
    version: one('version'),
    draft: {
      origin: { kind: 'bls', entry: id },
      title: one('title') ?? one('version') ?? withoutSuffix(id),
      version: one('version'),
      image: locate(image),
      initrds: initrds.map(locate),
      commandLine,
      deviceTree: deviceTree === undefined ? undefined : locate(deviceTree),
      architecture: one('architecture'),
      isDefault: false,
      problems,
    },
  };
}

/** Ids (without `.conf`) and titles of a folder's entries in the order of GRUB's blscfg: file names, newest first. */
export function listEntriesForGrub(root: string, folder: string): { id: string; title: string }[] {
  return listFolder(root, folder)
    .filter((name) => name.endsWith('.conf'))
    .map((name) => withoutSuffix(name))
    .sort((a, b) => compareVersions(b, a) || compareText(b, a))
    .map((id) => {
      const fields = parseEntryFields(readText(root, posix.join(folder, `${id}.conf`)) ?? '');
      return { id, title: fields.get('title')?.at(-1) ?? id };
    });
}
