/**
 * Boot loader entries of type 2: unified kernel images in EFI/Linux.
 * Specification: UAPI.1 Boot Loader Specification, "Type #2 EFI Unified Kernel Images"; UAPI.5 Unified Kernel
 * Image; addons as systemd-stub(7) finds them.
 * @module
 */
import { posix } from 'node:path';
import { KhopError } from '../error.ts';
import type { BootEntry } from './boot-entry.ts';
import { parseEntryFileName, withoutSuffix } from './boot-entry.ts';
import { type BootEntryContext, bootFolders } from './boot-loader-spec.ts';
import { readImageHeader, readPeText } from './image-header.ts';
import { listFolder } from './root-folder.ts';

/** `KEY=value` lines, quoted as a shell has it. os-release(5) */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, raw = ''] = /^\s*([A-Z0-9_]+)=(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined) continue;
    const [, double, single] = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)')$/.exec(raw) ?? [];
    values.set(key, single ?? (double ?? raw).replace(/\\(.)/g, '$1'));
  }
  return values;
}

/** Entries of every folder, and what could not be read. */
export function readUkiEntries(context: BootEntryContext): { entries: BootEntry[]; warnings: string[] } {
  const entries: BootEntry[] = [];
  const warnings: string[] = [];
  for (const folder of bootFolders(context.root, context.fileSystems)) {
    const place = posix.join(folder, 'EFI/Linux');
    for (const name of listSafely(context.root, place, warnings).filter((one) => /\.efi$/i.test(one))) {
      try {
        entries.push(describeUki(context.root, folder, posix.join(place, name)));
      } catch (error) {
        if (!(error instanceof KhopError)) throw error;
        warnings.push(error.message);
      }
    }
  }
  return { entries, warnings };
}

function listSafely(root: string, folder: string, warnings: string[]): string[] {
  try {
    return listFolder(root, folder);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    warnings.push(error.message);
    return [];
  }
}

/** Command lines of addons: those of this image, and those for all images. */
function addonCommandLines(root: string, folder: string, image: string): string[] {
  const places = [`${image}.extra.d`, posix.join(folder, 'loader/addons')];
  return places.flatMap((place) =>
    listFolder(root, place)
      .filter((name) => /\.addon\.efi$/i.test(name))
      .map((name) => readPeText(root, posix.join(place, name), '.cmdline') ?? '')
      .filter((text) => text !== ''),
  );
}

function describeUki(root: string, folder: string, path: string): BootEntry {
  const { id, triesLeft } = parseEntryFileName(posix.basename(path));
  const { uki } = readImageHeader(root, path);
  const system = parseOsRelease(uki?.osRelease ?? '');
  const first = (...keys: string[]): string | undefined =>
    keys.map((key) => system.get(key)).find((value) => value !== undefined && value !== '');
  const addons = addonCommandLines(root, folder, path);
  return {
    id,
    triesLeft,
    sortKey: first('IMAGE_ID', 'ID'),
    machineId: undefined,
    version: first('IMAGE_VERSION', 'VERSION_ID', 'BUILD_ID') ?? uki?.release,
    draft: {
      origin: { kind: 'uki', entry: id },
      title: first('PRETTY_NAME', 'IMAGE_ID', 'NAME', 'ID') ?? withoutSuffix(id),
      version: uki?.release,
      image: path,
      initrds: [],
      commandLine: [uki?.commandLine ?? '', ...addons].join(' ').trim(),
      deviceTree: undefined,
      architecture: undefined,
      isDefault: false,
      problems: uki === undefined ? [`${path} is no unified kernel image`] : [],
    },
  };
}
