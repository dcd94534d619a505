/**
 * The kernels of a GRUB configuration.
 * @module
 */
import { posix } from 'node:path';
import { KhopError } from '../../error.ts';
import { parseEnvironmentBlock } from '../../formats/grub-environment.ts';
import { listEntriesForGrub } from '../boot-loader-spec.ts';
import { type FileSystem, mountPointOf } from '../file-systems.ts';
import { type KernelDraft, withoutLoaderArguments } from '../kernel-draft.ts';
import { fileKind, listFolder, readText } from '../root-folder.ts';
import { locateGrubPath } from './devices.ts';
import type { GrubSystem } from './evaluation.ts';
import { runGrubConfig } from './interpreter.ts';
import { defaultEntry, type LinuxCommands, menuEntries, type PlacedEntry } from './menu.ts';

/** What is looked at. */
export interface GrubContext {
  readonly root: string;
  readonly fileSystems: readonly FileSystem[];
  readonly firmware: 'efi' | 'pc';
  /** GRUB's name of the processor, e.g. `x86_64`, `arm64`. */
  readonly cpu: string;
}

/** What a GRUB configuration says. */
export interface GrubReading {
  /** Its path; undefined when there is none. */
  readonly config: string | undefined;
  readonly drafts: readonly KernelDraft[];
  /** Name without `.conf` of the boot loader entry that starts by itself, when blscfg adds it. */
  readonly defaultBlsEntry: string | undefined;
  /** Whether blscfg adds boot loader entries to the menu. */
  readonly usesBls: boolean;
  readonly variables: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

const CONFIGS = ['/boot/grub/grub.cfg', '/boot/grub2/grub.cfg'];
const EFI_FOLDERS = ['/boot/efi/EFI', '/efi/EFI', '/boot/EFI'];

/** The main configuration; where there is none, one on the EFI system partition, which may lead to it. */
export function findGrubConfig(root: string): string | undefined {
  const onEfi = EFI_FOLDERS.flatMap((folder) => {
    try {
      return listFolder(root, folder).map((name) => posix.join(folder, name, 'grub.cfg'));
    } catch (error) {
      if (error instanceof KhopError) return [];
      throw error;
    }
  });
  return [...CONFIGS, ...onEfi].find((path) => fileKind(root, path) === 'file');
}

/** @throws E_UNREADABLE when it cannot be read, E_FORMAT when it does not come to an end */
export function readGrub(context: GrubContext): GrubReading {
  const { root, fileSystems } = context;
  const config = findGrubConfig(root);
  if (config === undefined) return nothing(readEnvironment(root));
  const device = mountPointOf(fileSystems, config);
  const folder = posix.join('/', posix.relative(device, posix.dirname(config)));
  const start = { config, device: `MOUNT=${device}`, folder, firmware: context.firmware, cpu: context.cpu };
  const result = runGrubConfig(readText(root, config) ?? '', start, systemOf(context));
  const chosen = defaultEntry(result.items, result.variables.get('default') ?? '');
  const entries = [...menuEntries(result.items)];
  const drafts = entries.flatMap(({ entry, parents, path }) => {
    const linux = entry.kind === 'entry' ? entry.linux : undefined;
    return linux === undefined
      ? []
      : [describe(context, config, { entry, parents, path }, linux, entry === chosen)];
  });
  return {
    config,
    drafts,
    defaultBlsEntry: chosen?.kind === 'bls' ? chosen.id : undefined,
    usesBls: entries.some(({ entry }) => entry.kind === 'bls'),
    variables: result.variables,
    warnings: result.notes.map((note) => `${config}: ${note}`),
  };
}

/** The environment block alone, for entries of a system whose grub.cfg is not there. */
function readEnvironment(root: string): ReadonlyMap<string, string> {
  const paths = ['/boot/grub2/grubenv', '/boot/grub/grubenv'];
  return parseEnvironmentBlock(
    paths.map((path) => readText(root, path)).find((text) => text !== undefined) ?? '',
  );
}

function nothing(variables: ReadonlyMap<string, string>): GrubReading {
  return {
    config: undefined,
    drafts: [],
    defaultBlsEntry: undefined,
    usesBls: false,
    variables,
    warnings: [],
  };
}

function systemOf(context: GrubContext): GrubSystem {
  const { root, fileSystems } = context;
  const devices = { root, fileSystems };
  return {
    ...devices,
    readText: (qualified) => {
      const location = locateGrubPath(devices, qualified);
      if (location.state !== 'found' || fileKind(root, location.path) !== 'file') return undefined;
      try {
        return readText(root, location.path);
      } catch (error) {
        if (error instanceof KhopError) return undefined;
        throw error;
      }
    },
    readBootLoaderEntries: (folder) => {
      const location = locateGrubPath(devices, folder);
      try {
        return location.state === 'found' ? listEntriesForGrub(root, location.path) : [];
      } catch (error) {
        if (error instanceof KhopError) return [];
        throw error;
      }
    },
  };
}

function describe(
  context: GrubContext,
  config: string,
  { entry, parents, path: menuPath }: PlacedEntry,
  linux: LinuxCommands,
  isDefault: boolean,
): KernelDraft {
  const problems = entry.kind === 'entry' ? [...entry.problems] : [];
  const locate = (qualified: string): string => {
    const location = locateGrubPath(context, qualified);
    if (location.state !== 'unreachable') return location.path;
    problems.push(location.reason);
    return qualified.replace(/^\([^)]*\)/, '');
  };
  const image = locate(linux.image);
  const initrds = linux.initrds.map(locate);
  const deviceTree = linux.deviceTree === undefined ? undefined : locate(linux.deviceTree);
  return {
    origin: { kind: 'grub', config, entry: entry.id, menuPath },
    title:
      parents.length === 0 || entry.title.includes('Linux')
        ? entry.title
        : `${parents.at(-1)}: ${entry.title}`,
    version: undefined,
    image,
    initrds,
    commandLine: withoutLoaderArguments(linux.commandLine),
    deviceTree,
    architecture: undefined,
    isDefault,
    problems,
  };
}
