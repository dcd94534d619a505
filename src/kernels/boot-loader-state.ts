/**
 * The files that decide what the boot loader starts by itself and with which parameters, with their texts: what
 * a change to them is planned from.
 * @module
 */
import { posix } from 'node:path';
import { KhopError } from '../error.ts';
import { bootFolders } from './boot-loader-spec.ts';
import { findExtlinuxConfig } from './extlinux.ts';
import type { FileSystem } from './file-systems.ts';
import { findGrubConfig } from './grub/grub-config.ts';
import { fileKind, listFolder, readText, resolveInRoot } from './root-folder.ts';
import { isSystemdBoot, wasStartedByGrub } from './started-by.ts';

/** A text file by its path without links; `text` is undefined when it does not exist. */
export interface StateFile {
  readonly path: string;
  readonly text: string | undefined;
}

export interface GrubState {
  readonly kind: 'grub';
  /** grub.cfg. */
  readonly config: StateFile;
  /** /etc/default/grub. */
  readonly defaults: StateFile;
  /** Debian's addition: what is sourced after it. Undefined where grub-mkconfig does not look there. */
  readonly dropIns: readonly StateFile[] | undefined;
  /** grubenv. */
  readonly environment: StateFile;
  /** `grub-mkconfig` or `grub2-mkconfig`; undefined when neither is installed. */
  readonly mkconfig: string | undefined;
  /** Boot loader entries hold the parameters, and this tool changes them. */
  readonly hasGrubby: boolean;
}

export interface SystemdBootState {
  readonly kind: 'systemd-boot';
  readonly loaderConf: StateFile;
  /** loader/entries/*.conf, those of every folder. */
  readonly entries: readonly StateFile[];
  /** Images with a command line inside. */
  readonly unifiedImages: readonly string[];
  /** /etc/kernel/cmdline: what kernel-install gives the next kernel. */
  readonly kernelCommandLine: StateFile;
  /** EFI variable LoaderEntryDefault, which counts before loader.conf. */
  readonly entryDefault: string | undefined;
  /** EFI variable LoaderEntryOneShot, which counts before both, once. */
  readonly entryOneShot: string | undefined;
}

export interface ExtlinuxState {
  readonly kind: 'extlinux';
  readonly config: StateFile;
  /** /etc/default/u-boot: what u-boot-update, of Debian's u-boot-menu, writes the configuration from. */
  readonly defaults: StateFile;
  /** Known to be read by SYSLINUX; U-Boot and others have their own mind about some lines. */
  readonly isSyslinux: boolean;
}

export interface UBootState {
  readonly kind: 'u-boot';
  /** fw_printenv's variables. */
  readonly variables: ReadonlyMap<string, string>;
}

export type BootLoaderState = GrubState | SystemdBootState | ExtlinuxState | UBootState;

/** What is looked at, and what only the running system knows. */
export interface BootLoaderRequest {
  readonly root: string;
  readonly fileSystems: readonly FileSystem[];
  /** /proc/cmdline; undefined when `root` is not the running system. */
  readonly runningCommandLine: string | undefined;
  /** EFI variables LoaderInfo, LoaderEntryDefault and LoaderEntryOneShot. */
  readonly loaderInfo: string | undefined;
  readonly loaderEntryDefault: string | undefined;
  readonly loaderEntryOneShot: string | undefined;
  /** The variables of U-Boot's environment; undefined where there are none. */
  readonly uBootVariables: ReadonlyMap<string, string> | undefined;
}

const DROP_INS = '/etc/default/grub.d';
const PROGRAM_FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * The state of the boot loader that starts this system. Files of several loaders can lie around: what the
 * loader itself has said (LoaderInfo, BOOT_IMAGE=) counts before what is there.
 * @throws E_NOT_FOUND when there is none that khop knows; E_UNREADABLE
 */
export function readBootLoaderState(request: BootLoaderRequest): BootLoaderState {
  const readers = isSystemdBoot(request.loaderInfo)
    ? [systemdBootState, grubState, extlinuxState, uBootState]
    : [grubState, systemdBootState, extlinuxState, uBootState];
  const { runningCommandLine } = request;
  const isOfAnother = runningCommandLine !== undefined && wasStartedByGrub(runningCommandLine) === false;
  for (const read of readers) {
    const state = read(request);
    // GRUB leaves its mark on every command line; without it, an old grub.cfg is only a leftover.
    const isLeftover = state?.kind === 'grub' && isOfAnother && hasOther(request);
    if (state !== undefined && !isLeftover) return state;
  }
  throw new KhopError('E_NOT_FOUND', `no boot loader that khop can change is set up in ${request.root}`, {
    hint: 'khop knows GRUB, systemd-boot, extlinux.conf and the environment of U-Boot; set the parameter by hand.',
  });
}

function hasOther(request: BootLoaderRequest): boolean {
  return [systemdBootState, extlinuxState, uBootState].some((read) => read(request) !== undefined);
}

function stateFile(root: string, path: string): StateFile {
  return { path: resolveInRoot(root, path), text: readText(root, path) };
}

function findProgram(root: string, names: readonly string[]): string | undefined {
  const paths = names.flatMap((name) => PROGRAM_FOLDERS.map((folder) => `${folder}/${name}`));
  return paths.find((path) => fileKind(root, path) === 'file');
}

function grubState({ root }: BootLoaderRequest): GrubState | undefined {
  const config = findGrubConfig(root);
  // A configuration on the EFI system partition only leads to the one that the system writes.
  if (config === undefined || !/\/grub2?\/grub\.cfg$/.test(config)) return undefined;
  const mkconfig = findProgram(root, ['grub-mkconfig', 'grub2-mkconfig']);
  const script = mkconfig === undefined ? '' : (readText(root, mkconfig) ?? '');
  const configFile = stateFile(root, config);
  return {
    kind: 'grub',
    config: configFile,
    defaults: stateFile(root, '/etc/default/grub'),
    dropIns: script.includes('default/grub.d')
      ? listFolder(root, DROP_INS)
          .filter((name) => name.endsWith('.cfg'))
          .map((name) => stateFile(root, posix.join(DROP_INS, name)))
      : undefined,
    environment: stateFile(root, posix.join(posix.dirname(config), 'grubenv')),
    mkconfig: mkconfig === undefined ? undefined : posix.basename(mkconfig),
    hasGrubby: /^\s*blscfg\b/m.test(configFile.text ?? '') && findProgram(root, ['grubby']) !== undefined,
  };
}

function systemdBootState(request: BootLoaderRequest): SystemdBootState | undefined {
  const { root, fileSystems } = request;
  const folders = bootFolders(root, fileSystems);
  const configurations = folders.map((folder) => stateFile(root, posix.join(folder, 'loader/loader.conf')));
  const below = (place: string, suffix: string): string[] =>
    folders.flatMap((folder) => {
      const path = posix.join(folder, place);
      const names = fileKind(root, path) === 'folder' ? listFolder(root, path) : [];
      return names
        .filter((name) => name.toLowerCase().endsWith(suffix))
        .map((name) => posix.join(path, name));
    });
  const loaderConf = configurations.find(({ text }) => text !== undefined);
  const first = loaderConf ?? configurations[0];
  if (first === undefined || (loaderConf === undefined && !isSystemdBoot(request.loaderInfo)))
    return undefined;
  return {
    kind: 'systemd-boot',
    loaderConf: first,
    entries: below('loader/entries', '.conf').map((path) => stateFile(root, path)),
    unifiedImages: below('EFI/Linux', '.efi'),
    kernelCommandLine: stateFile(root, '/etc/kernel/cmdline'),
    entryDefault: request.loaderEntryDefault,
    entryOneShot: request.loaderEntryOneShot,
  };
}

function extlinuxState({ root }: BootLoaderRequest): ExtlinuxState | undefined {
  const config = findExtlinuxConfig(root);
  if (config === undefined) return undefined;
  return {
    kind: 'extlinux',
    config: stateFile(root, config),
    defaults: stateFile(root, '/etc/default/u-boot'),
    // U-Boot looks for no other name; SYSLINUX is never without its own second stage beside the configuration.
    isSyslinux:
      !config.endsWith('/extlinux/extlinux.conf') ||
      listFolder(root, posix.dirname(config)).some((name) => /^ldlinux\./i.test(name)),
  };
}

function uBootState({ uBootVariables }: BootLoaderRequest): UBootState | undefined {
  return uBootVariables === undefined ? undefined : { kind: 'u-boot', variables: uBootVariables };
}
