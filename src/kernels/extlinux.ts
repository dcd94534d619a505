/**
 * extlinux.conf and syslinux.cfg: what SYSLINUX, U-Boot and others start from.
 * Specification: the SYSLINUX documentation, "Config" and "Menu" (directives in any case, `#` comments).
 * @module
 */
import { posix } from 'node:path';
import type { FileSystem } from './file-systems.ts';
import { locateOnMount, mountPointOf } from './file-systems.ts';
import type { KernelDraft, KernelSource } from './kernel-draft.ts';
import { fileKind, readText } from './root-folder.ts';

const CONFIGS = ['extlinux/extlinux.conf', 'syslinux/syslinux.cfg', 'extlinux.conf', 'syslinux.cfg'];
const FOLDERS = ['/boot', '/boot/firmware', '/boot/efi', '/efi', '/boot/efi/EFI', ''];
const INCLUDE_DEPTH_LIMIT = 16;
const LINE_LIMIT = 20_000;

/** One LABEL. */
interface Label {
  readonly name: string;
  title: string | undefined;
  kernel: string | undefined;
  initrds: string[];
  append: string | undefined;
  deviceTree: string | undefined;
  deviceTreeFolder: string | undefined;
}

interface Configuration {
  readonly labels: Label[];
  readonly warnings: string[];
  /** APPEND before the first label: for labels that have none of their own. */
  append: string;
  /** DEFAULT, ONTIMEOUT: a label or a title. */
  byDefault: string | undefined;
  menuDefault: string | undefined;
  lines: number;
}

/** The first configuration that exists. */
export function findExtlinuxConfig(root: string): string | undefined {
  return FOLDERS.flatMap((folder) => CONFIGS.map((name) => `${folder}/${name}`)).find(
    (path) => fileKind(root, path) === 'file',
  );
}

/** The kernels of the first configuration that exists. @throws E_UNREADABLE */
export function readExtlinux(root: string, fileSystems: readonly FileSystem[]): KernelSource {
  const config = findExtlinuxConfig(root);
  if (config === undefined) return { drafts: [], warnings: [] };
  const configuration: Configuration = {
    labels: [],
    warnings: [],
    append: '',
    byDefault: undefined,
    menuDefault: undefined,
    lines: 0,
  };
  readLines(root, config, configuration, 0);
  const { labels, warnings } = configuration;
  const named = (name: string | undefined): Label | undefined =>
    labels.find((label) => label.name.toLowerCase() === name?.toLowerCase());
  // DEFAULT may name a menu's program, e.g. menu.c32: the menu then starts with its first label.
  const chosen = named(configuration.menuDefault) ?? named(configuration.byDefault) ?? labels[0];
  const drafts = labels
    .filter((label) => label.kernel !== undefined)
    .map((label) => describeLabel(root, fileSystems, config, configuration, label, label === chosen));
  return { drafts, warnings };
}

function readLines(root: string, path: string, configuration: Configuration, depth: number): void {
  const text = readText(root, path);
  if (text === undefined) {
    configuration.warnings.push(`${path} is included, but does not exist`);
    return;
  }
  for (const line of text.split(/\r?\n/)) {
    configuration.lines += 1;
    if (configuration.lines > LINE_LIMIT) return;
    const [, keyword = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
    if (keyword === '' || keyword.startsWith('#')) continue;
    if (keyword.toLowerCase() !== 'include') directive(configuration, keyword.toLowerCase(), rest);
    else if (depth < INCLUDE_DEPTH_LIMIT)
      readLines(root, posix.resolve(posix.dirname(path), rest), configuration, depth + 1);
    else configuration.warnings.push(`${path} is included too deep: ${rest}`);
  }
}

function directive(configuration: Configuration, keyword: string, rest: string): void {
  const label = configuration.labels.at(-1);
  switch (keyword) {
    case 'label':
      configuration.labels.push({
        name: rest,
        title: undefined,
        kernel: undefined,
        initrds: [],
        append: undefined,
        deviceTree: undefined,
        deviceTreeFolder: undefined,
      });
      return;
    case 'default':
    case 'ontimeout':
      configuration.byDefault = rest.split(/\s+/)[0];
      return;
    case 'append':
      if (label === undefined) configuration.append = rest;
      // `APPEND -` is an empty one that replaces the one for all.
      else label.append = rest === '-' ? '' : rest;
      return;
    default:
      if (label !== undefined) labelDirective(configuration, label, keyword, rest);
  }
}

function labelDirective(configuration: Configuration, label: Label, keyword: string, rest: string): void {
  const [first = '', ...others] = rest.split(/\s+/);
  switch (keyword) {
    case 'kernel':
    case 'linux':
      label.kernel = first;
      return;
    case 'initrd':
      label.initrds = rest.split(',').map((path) => path.trim());
      return;
    case 'fdt':
    case 'devicetree':
      label.deviceTree = first;
      return;
    case 'fdtdir':
    case 'devicetreedir':
      label.deviceTreeFolder = first;
      return;
    case 'menu':
      if (first.toLowerCase() === 'default') configuration.menuDefault = label.name;
      if (first.toLowerCase() === 'label') label.title = others.join(' ').replace(/\^(.)/, '$1');
  }
}

function describeLabel(
  root: string,
  fileSystems: readonly FileSystem[],
  config: string,
  configuration: Configuration,
  label: Label,
  isDefault: boolean,
): KernelDraft {
  const locate = (path: string): string => locateFile(root, fileSystems, config, path);
  const words = (label.append ?? configuration.append).split(/\s+/).filter((word) => word !== '');
  const fromAppend = words
    .filter((word) => word.startsWith('initrd='))
    .at(-1)
    ?.slice('initrd='.length);
  const initrds = label.initrds.length > 0 ? label.initrds : (fromAppend?.split(',') ?? []);
  const kernel = label.kernel ?? '';
  return {
    origin: { kind: 'extlinux', config, entry: label.name },
    title: label.title ?? label.name,
    version: undefined,
    image: locate(kernel),
    initrds: initrds.filter((path) => path !== '').map(locate),
    commandLine: words.filter((word) => !word.startsWith('initrd=')).join(' '),
    // A folder of device trees: the firmware picks one by the board, and the running kernel already has it.
    deviceTree: label.deviceTree === undefined ? undefined : locate(label.deviceTree),
    architecture: undefined,
    isDefault,
    problems: /\.(?:c32|com|bss|bin|img|0)$/i.test(kernel) ? [`${kernel} is no Linux kernel`] : [],
  };
}

/** Relative to the configuration's folder, or from the root of its file system. */
function locateFile(root: string, fileSystems: readonly FileSystem[], config: string, path: string): string {
  const folder = posix.dirname(config);
  const plain = path.replace(/^::/, '');
  if (!plain.startsWith('/')) return posix.join(folder, plain);
  const places = [mountPointOf(fileSystems, folder), '/', '/boot', posix.dirname(folder)];
  const locations = places.map((place) => locateOnMount(root, place, plain));
  const location = locations.find((one) => one.state === 'found') ?? locations[0];
  return location === undefined || location.state === 'unreachable' ? plain : location.path;
}
