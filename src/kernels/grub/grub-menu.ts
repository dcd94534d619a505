/**
 * The kernels of a GRUB menu.
 * @module
 */
import { posix } from 'node:path';
import {
  type FileSystem,
  type Location,
  locateAnywhere,
  locateByName,
  readFileSystems,
} from '../file-systems.ts';
import type { KernelDraft, KernelSource } from '../kernel-draft.ts';
import { readText } from '../root-folder.ts';
import { type GrubEntry, type GrubMenu, runGrubConfig } from './grub-interpreter.ts';

const CONFIGS = ['/boot/grub/grub.cfg', '/boot/grub2/grub.cfg', '/boot/efi/EFI/fedora/grub.cfg'];

/** The first grub.cfg that exists; no drafts when none does. @throws E_FORMAT when it cannot be parsed */
export function readGrubMenu(root: string): KernelSource {
  const config = CONFIGS.find((path) => readText(root, path) !== undefined);
  if (config === undefined) return { drafts: [], warnings: [] };
  const fileSystems = readFileSystems(root);
  const environment = parseGrubEnvironment(
    readText(root, posix.join(posix.dirname(config), 'grubenv')) ?? '',
  );
  const menu = runGrubConfig(readText(root, config) ?? '', config, {
    read: (path) =>
      readText(root, withoutDevice(path)) ?? readText(root, posix.join('/boot', withoutDevice(path))),
    environment,
  });
  const chosen = defaultEntry(menu);
  return {
    drafts: menu.entries.map((entry) => draftOf(root, fileSystems, config, entry, entry === chosen)),
    warnings: [],
  };
}

/** `(hd0,gpt2)/boot/a` and `($root)/boot/a` -> `/boot/a`. */
function withoutDevice(path: string): string {
  return path.replace(/^\([^)]*\)/, '');
}

/** grubenv: a block of 1024 bytes, `name=value` lines with back-slashes, padded with #. */
export function parseGrubEnvironment(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([^#=\s][^=]*)=(.*)$/.exec(line);
    if (match !== null) values.set(match[1]!, match[2]!.replaceAll(/\\(.)/g, '$1'));
  }
  return values;
}

/**
 * What $default means: `a>b` steps into submenus; each step is an id, a title or a position.
 * GNU GRUB manual, "default".
 */
function defaultEntry(menu: GrubMenu): GrubEntry | undefined {
  const steps = menu.default.split('>').map((step) => step.trim());
  const matches = (step: string, names: readonly (string | undefined)[], position: number | undefined) =>
    names.includes(step) || (/^\d+$/.test(step) && Number(step) === position);
  const exact = menu.entries.find(
    (entry) =>
      entry.parents.length === steps.length - 1 &&
      entry.parents.every((names, depth) => matches(steps[depth]!, names, entry.position[depth])) &&
      matches(steps.at(-1)!, [entry.id, entry.title], entry.position.at(-1)),
  );
  return exact ?? menu.entries.find((entry) => [entry.id, entry.title].includes(menu.default));
}

function draftOf(
  root: string,
  fileSystems: readonly FileSystem[],
  config: string,
  entry: GrubEntry,
  isDefault: boolean,
): KernelDraft {
  const problems: string[] = [];
  const locate = (path: string): string => {
    const location = locateFile(root, fileSystems, entry.root, path);
    if (location.state !== 'unreachable') return location.path;
    problems.push(location.reason);
    return path;
  };
  return {
    origin: { kind: 'grub', config, entry: entry.id ?? entry.title },
    title: entry.title,
    version: /(?:vmlinuz|vmlinux|kernel|Image)-(\S+)$/.exec(entry.image)?.[1],
    image: locate(entry.image),
    initrds: entry.initrds.map(locate),
    commandLine: entry.commandLine.trim(),
    deviceTree: entry.deviceTree === undefined ? undefined : locate(entry.deviceTree),
    architecture: undefined,
    isDefault,
    problems,
  };
}

function locateFile(
  root: string,
  fileSystems: readonly FileSystem[],
  device: string,
  path: string,
): Location {
  const inner = withoutDevice(path);
  return /^(UUID|LABEL)=./.test(device)
    ? locateByName(root, fileSystems, device, inner)
    : locateAnywhere(root, fileSystems, inner);
}
