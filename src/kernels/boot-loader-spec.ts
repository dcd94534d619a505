/**
 * Boot Loader Specification entries: type 1 (*.conf) and type 2 (unified kernel images).
 * UAPI Group specification 1, "Type #1" and "Type #2".
 * @module
 */
import { posix } from 'node:path';
import { KhopError } from '../error.ts';
import { isUki, parseUki } from '../formats/uki.ts';
import type { KernelDraft, KernelSource } from './kernel-draft.ts';
import { withoutLoaderArguments } from './kernel-draft.ts';
import { fileKind, listFolder, OpenFile, readText } from './root-folder.ts';

/** $BOOT: XBOOTLDR or the EFI system partition, wherever a distribution mounts it. */
const BOOT_FOLDERS = ['/boot', '/efi', '/boot/efi'];

/** Entries of all folders. What cannot be read is a warning. */
export function readBootLoaderEntries(root: string): KernelSource {
  const drafts: KernelDraft[] = [];
  const warnings: string[] = [];
  for (const folder of BOOT_FOLDERS) {
    const pattern = defaultPattern(readText(root, `${folder}/loader/loader.conf`) ?? '');
    for (const name of listFolder(root, `${folder}/loader/entries`)) {
      if (!name.endsWith('.conf')) continue;
      const text = readText(root, `${folder}/loader/entries/${name}`) ?? '';
      const draft = parseBootLoaderEntry(text, folder, name, pattern?.test(name) === true);
      if (draft === undefined) warnings.push(`${folder}/loader/entries/${name} names no kernel`);
      else drafts.push(draft);
    }
    for (const name of listFolder(root, `${folder}/EFI/Linux`)) {
      if (!/\.efi$/i.test(name)) continue;
      try {
        drafts.push(readUkiEntry(root, `${folder}/EFI/Linux/${name}`, pattern?.test(name) === true));
      } catch (error) {
        if (!(error instanceof KhopError)) throw error;
        warnings.push(error.message);
      }
    }
  }
  return { drafts, warnings };
}

/** loader.conf(5), `default`: a glob over file names. */
function defaultPattern(text: string): RegExp | undefined {
  const glob = /^\s*default\s+(\S+)/m.exec(text)?.[1];
  if (glob === undefined || glob.startsWith('@')) return undefined;
  const escaped = glob
    .replaceAll(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}(\\.conf)?$`, 'i');
}

/** One `key value` a line; `initrd` and `options` may repeat. Paths are relative to $BOOT. */
export function parseBootLoaderEntry(
  text: string,
  folder: string,
  name: string,
  isDefault: boolean,
): KernelDraft | undefined {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const match = /^\s*([^#\s]\S*)\s+(.*?)\s*$/.exec(line);
    if (match !== null) values.set(match[1]!, [...(values.get(match[1]!) ?? []), match[2]!]);
  }
  const one = (key: string) => values.get(key)?.[0];
  const image = one('linux') ?? one('efi');
  if (image === undefined) return undefined;
  const located = (path: string) => posix.join(folder, path);
  const initrds = (values.get('initrd') ?? []).flatMap((line) => line.split(/\s+/));
  const variables = [...initrds, ...(values.get('options') ?? [])].filter((word) => word.includes('$'));
  return {
    origin: { kind: 'bls', entry: name },
    title: one('title') ?? one('version') ?? name.replace(/(\+\d+(-\d+)?)?\.conf$/, ''),
    version: one('version'),
    image: located(image),
    initrds: initrds.filter((path) => !path.includes('$')).map(located),
    commandLine: withoutLoaderArguments((values.get('options') ?? []).join(' ').replaceAll(/\$\w+/g, '')),
    deviceTree: one('devicetree') === undefined ? undefined : located(one('devicetree')!),
    architecture: one('architecture'),
    isDefault,
    problems: variables.length === 0 ? [] : [`its variables are not known: ${variables.join(' ')}`],
  };
}

function readUkiEntry(root: string, path: string, isDefault: boolean): KernelDraft {
  using file = OpenFile.open(root, path);
  const bytes = file.read(0, file.size);
  const name = posix.basename(path);
  const isKernel = isUki(bytes);
  const uki = isKernel ? parseUki(bytes) : undefined;
  const system = /^PRETTY_NAME="?(.*?)"?$/m.exec(uki?.osRelease ?? '')?.[1];
  return {
    origin: { kind: 'uki', entry: name },
    title:
      system === undefined
        ? name.replace(/(\+\d+(-\d+)?)?\.efi$/i, '')
        : `${system} (${uki?.release ?? name})`,
    version: uki?.release,
    image: path,
    initrds: [],
    commandLine: uki?.commandLine ?? '',
    deviceTree: undefined,
    architecture: undefined,
    isDefault,
    problems: isKernel || fileKind(root, path) !== 'file' ? [] : ['it is no unified kernel image'],
  };
}
