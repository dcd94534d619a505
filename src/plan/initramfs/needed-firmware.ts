/**
 * Which firmware of an initramfs can go: what only modules that go name. What no module names stays, because
 * a driver that is built in may ask for it.
 * @module
 */
import { KhopError } from '../../error.ts';
import type { CpioEntry } from '../../formats/cpio.ts';
import { compileGlob } from '../../formats/glob.ts';
import { parseModule } from '../../formats/module-file.ts';
import { unpackModule } from './unpacked-modules.ts';

const SYMLINK = 0o120000;
const FILE = 0o100000;
const FILE_TYPE = 0o170000;

/**
 * Name below /lib/firmware, as modules give it, of a file or link there; Documentation/driver-api/firmware,
 * fw_search_path.rst: `updates`, and folders of one kernel, come first. Compressed since 5.3.
 * @param release of the new kernel
 */
export function firmwareNameOf({ name, mode }: CpioEntry, release: string): string | undefined {
  const kind = mode & FILE_TYPE;
  if (kind !== FILE && kind !== SYMLINK) return undefined;
  const path = /^(?:usr\/)?lib\/firmware\/(.+?)(?:\.(?:xz|zst))?$/.exec(name)?.[1];
  if (path === undefined) return undefined;
  const inUpdates = path.startsWith('updates/') ? path.slice('updates/'.length) : path;
  return inUpdates.startsWith(`${release}/`) ? inUpdates.slice(release.length + 1) : inUpdates;
}

/** Entries of modules, told by whether they stay. */
export interface ModuleFiles {
  readonly kept: readonly CpioEntry[];
  readonly dropped: readonly CpioEntry[];
}

/** Names of entries that can go. */
export function droppableFirmware(
  entries: readonly CpioEntry[],
  modules: ModuleFiles,
  release: string,
): ReadonlySet<string> {
  const files = entries.flatMap((entry) => {
    const name = firmwareNameOf(entry, release);
    return name === undefined ? [] : [{ entry, name }];
  });
  if (files.length === 0) return new Set();
  const wanted = patternsOf(modules.kept);
  // A module that cannot be read may want anything.
  if (wanted === undefined) return new Set();
  const needed = withTargets(files, (name) => wanted.matches(name));
  const others = files.filter(({ entry }) => !needed.has(entry.name));
  const unwanted =
    others.length === 0 ? undefined : patternsOf(modules.dropped, 'passing over what is damaged');
  const kept = withTargets(files, (name) => wanted.matches(name) || unwanted?.matches(name) !== true);
  return new Set(others.map(({ entry }) => entry.name).filter((name) => !kept.has(name)));
}

interface FirmwareFile {
  readonly entry: CpioEntry;
  readonly name: string;
}

/** Names of the entries that `isWanted`, and of those that links among them lead to. */
function withTargets(
  files: readonly FirmwareFile[],
  isWanted: (name: string) => boolean,
): ReadonlySet<string> {
  const byPath = new Map(files.map((file) => [file.entry.name, file.entry]));
  const found = new Set<string>();
  const pending = files.filter(({ name }) => isWanted(name)).map(({ entry }) => entry);
  for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
    if (found.has(entry.name)) continue;
    found.add(entry.name);
    const target = targetOf(entry);
    const next = target === undefined ? undefined : byPath.get(target);
    if (next !== undefined) pending.push(next);
  }
  return found;
}

function targetOf({ name, mode, bytes }: CpioEntry): string | undefined {
  if ((mode & FILE_TYPE) !== SYMLINK) return undefined;
  const parts = name.split('/').slice(0, -1);
  const target = Buffer.from(bytes).toString('utf8');
  if (target.startsWith('/')) parts.length = 0;
  for (const part of target.split('/').filter((one) => one !== '' && one !== '.'))
    if (part === '..') parts.pop();
    else parts.push(part);
  return parts.join('/');
}

interface FirmwareNames {
  readonly matches: (name: string) => boolean;
}

/** What `modules` name; undefined when one of them cannot be read, unless that is passed over. */
function patternsOf(
  modules: readonly CpioEntry[],
  damaged?: 'passing over what is damaged',
): FirmwareNames | undefined {
  const plain = new Set<string>();
  const globs: ((name: string) => boolean)[] = [];
  for (const module of modules) {
    const names = firmwareOf(module);
    if (names === undefined && damaged === undefined) return undefined;
    for (const name of names ?? [])
      if (/[*?[]/.test(name)) globs.push(compileGlob(name));
      else plain.add(name);
  }
  return { matches: (name) => plain.has(name) || globs.some((fits) => fits(name)) };
}

function firmwareOf(module: CpioEntry): readonly string[] | undefined {
  try {
    return parseModule(unpackModule(module)).info.firmware;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return undefined;
  }
}
