/**
 * The folder of a kernel's modules in an initramfs, and what its indexes say. kmod reads the binary indexes,
 * and mkinitcpio leaves no others; busybox reads the text. modules.dep(5), depmod(8).
 * @module
 */
import { KhopError } from '../../error.ts';
import type { CpioEntry } from '../../formats/cpio.ts';
import { mayMatchWord } from '../../formats/glob.ts';
import {
  type ModuleAlias,
  ModuleAliases,
  normalizeAlias,
  parseModuleAliases,
  parseSoftDependencies,
  type SoftDependencies,
} from '../../formats/module-alias.ts';
import { moduleName } from '../../formats/module-file.ts';
import { parseModuleIndex } from '../../formats/module-index.ts';

/** Modules by name, with underscores, and what belongs to what. */
export interface ModuleFolder {
  readonly release: string;
  /** Name -> path below the folder: `kernel/fs/ext4/ext4.ko.xz`. */
  readonly paths: ReadonlyMap<string, string>;
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  readonly aliases: ModuleAliases;
  /**
   * Names and aliases, with underscores, of all modules that `resolveModules` may find for a word: letters, digits and
   * underscores. Aliases of devices ask for a colon, and are not among them.
   */
  readonly wordAliases: readonly ModuleAlias[];
  /**
   * Driver -> modules for the parts that it may make of its device, on the auxiliary bus. Which there are
   * changes from kernel to kernel: what the running one shows is not all. auxiliary_bus.rst, since 5.11.
   */
  readonly auxiliaries: ReadonlyMap<string, readonly string[]>;
  readonly softDependencies: ReadonlyMap<string, SoftDependencies>;
  /** Names and aliases of what the kernel has built in, with underscores. */
  readonly builtIns: ReadonlySet<string>;
}

/** Where an entry lies in a folder of modules. */
export interface ModulePlace {
  readonly release: string;
  /** Below the folder. */
  readonly path: string;
  /** Set when it is a module. */
  readonly module: string | undefined;
}

/** lib may be a link to usr/lib, or a folder; whatever the archive has, it is one place. */
export function modulePlaceOf(entryName: string): ModulePlace | undefined {
  const match = /^(?:usr\/)?lib\/modules\/([^/]+)\/(.+)$/.exec(entryName);
  if (match === null) return undefined;
  const [, release, path] = match as unknown as [string, string, string];
  return { release, path, module: /\.ko(?:\.(?:gz|xz|zst))?$/.test(path) ? moduleName(path) : undefined };
}

const MODPROBE_CONFIGURATION = /^(?:etc|run|(?:usr\/(?:local\/)?)?lib)\/modprobe\.d\/[^/]+\.conf$/;

/**
 * The folder for `release`; the only one where that is undefined.
 * @throws E_FORMAT for a damaged index, E_NOT_FOUND when there is no such folder, or no index to go by
 */
export function readModuleFolder(entries: readonly CpioEntry[], release: string | undefined): ModuleFolder {
  const placed = entries.flatMap((entry) => {
    const place = modulePlaceOf(entry.name);
    return place === undefined ? [] : [{ entry, place }];
  });
  const releases = new Set(
    placed.filter(({ place }) => place.module !== undefined).map(({ place }) => place.release),
  );
  const chosen = release ?? (releases.size === 1 ? [...releases][0] : undefined);
  if (chosen === undefined || !releases.has(chosen))
    throw notFound(`there are no modules for ${chosen ?? 'one kernel alone'}`);
  const files = new Map<string, Uint8Array>();
  const paths = new Map<string, string>();
  for (const { entry, place } of placed.filter(({ place }) => place.release === chosen))
    if (place.module === undefined) files.set(place.path, entry.bytes);
    else paths.set(place.module, place.path);
  const modprobe = modprobeConfigurations(entries);
  const aliases = [...readAliases(files), ...modprobe.flatMap(parseModuleAliases)];
  return {
    release: chosen,
    paths,
    dependencies: readDependencies(files),
    aliases: new ModuleAliases(aliases),
    wordAliases: wordAliasesOf(paths, aliases),
    auxiliaries: auxiliariesOf(aliases),
    softDependencies: parseSoftDependencies(
      [
        ...modprobe,
        textOf(files.get('modules.softdep')),
        weakAsSoft(textOf(files.get('modules.weakdep'))),
      ].join('\n'),
    ),
    builtIns: readBuiltIns(files),
  };
}

/** The texts of modprobe.d(5). */
export function modprobeConfigurations(entries: readonly CpioEntry[]): string[] {
  return entries.filter(({ name }) => MODPROBE_CONFIGURATION.test(name)).map(({ bytes }) => textOf(bytes));
}

/** Names of the modules that `nameOrAlias` stands for, as modprobe finds them. */
export function resolveModules({ paths, aliases }: ModuleFolder, nameOrAlias: string): readonly string[] {
  const name = moduleName(nameOrAlias);
  if (paths.has(name)) return [name];
  return aliases.modulesFor(nameOrAlias).filter((module) => paths.has(module));
}

function wordAliasesOf(
  paths: ReadonlyMap<string, string>,
  aliases: readonly ModuleAlias[],
): readonly ModuleAlias[] {
  const known = aliases.filter(({ module }) => paths.has(module));
  return [
    ...[...paths.keys()].map((module) => ({ pattern: module, module })),
    ...known.map(({ pattern, module }) => ({ pattern: normalizeAlias(pattern), module })),
  ].filter(({ pattern }) => mayMatchWord(pattern));
}

/** Latin-1, so that every byte comes back when the text is written again. */
export function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('latin1');
}

/** Both forms have lines of `PATH: PATH...`, all dependencies of dependencies included. */
function readDependencies(files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, readonly string[]> {
  const binary = files.get('modules.dep.bin');
  const text = files.get('modules.dep');
  if (binary === undefined && text === undefined) throw notFound('there is no modules.dep');
  const lines =
    binary === undefined ? textOf(text).split('\n') : parseModuleIndex(binary).map(({ value }) => value);
  return new Map(
    lines
      .map((line) => /^([^:]+):(.*)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, path, needed]) => [
        moduleName(path!),
        needed!
          .split(' ')
          .filter((one) => one !== '')
          .map(moduleName),
      ]),
  );
}

function readBuiltIns(files: ReadonlyMap<string, Uint8Array>): ReadonlySet<string> {
  const paths = textOf(files.get('modules.builtin')).split('\n');
  const [names, aliases] = ['modules.builtin.bin', 'modules.builtin.alias.bin'].map((file) => {
    const bytes = files.get(file) ?? new Uint8Array();
    return bytes.length === 0 ? [] : parseModuleIndex(bytes).map(({ key }) => key);
  });
  return new Set([...paths.map(moduleName), ...names!.map(moduleName), ...aliases!.map(normalizeAlias)]);
}

function readAliases(files: ReadonlyMap<string, Uint8Array>): readonly ModuleAlias[] {
  const binary = files.get('modules.alias.bin');
  const text = files.get('modules.alias');
  if (binary !== undefined)
    return parseModuleIndex(binary).map(({ key, value }) => ({ pattern: key, module: moduleName(value) }));
  if (text === undefined) throw notFound('there is no modules.alias');
  return parseModuleAliases(textOf(text));
}

/** `auxiliary:mlx5_core.rdma`: the part `rdma` of what mlx5_core drives. */
function auxiliariesOf(aliases: readonly ModuleAlias[]): ReadonlyMap<string, readonly string[]> {
  const modules = new Map<string, string[]>();
  for (const { pattern, module } of aliases) {
    const driver = /^auxiliary:([^.*?[]+)\./.exec(pattern)?.[1];
    if (driver === undefined) continue;
    const name = moduleName(driver);
    modules.set(name, [...(modules.get(name) ?? []), module]);
  }
  return modules;
}

/** `weakdep MODULE NAME`, since kmod 33: that one may ask for the other while it runs. */
function weakAsSoft(text: string): string {
  return text.replaceAll(/^weakdep\s+(\S+)\s+/gm, 'softdep $1 post: ');
}

function notFound(problem: string): KhopError {
  return new KhopError('E_NOT_FOUND', problem, {
    hint: 'Make the initramfs anew with update-initramfs, dracut or mkinitcpio.',
  });
}
