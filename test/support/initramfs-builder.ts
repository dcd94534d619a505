/**
 * Initramfs images with modules, as initramfs-tools, dracut and mkinitcpio lay them out, and the needs of
 * machines that they are trimmed for.
 * @module
 */
import { gzipSync } from 'node:zlib';
import type { CpioEntry } from '../../src/formats/cpio.ts';
import {
  cpioFile,
  cpioFolder,
  cpioSymlink,
  encodeCpio,
  parentFolders,
} from '../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../src/formats/initramfs.ts';
import { moduleName } from '../../src/formats/module-file.ts';
import { encodeModuleIndex } from '../../src/formats/module-index-writer.ts';
import type { InitramfsNeeds } from '../../src/machine/initramfs-needs.ts';
import { modulePlaceOf } from '../../src/plan/initramfs/module-folder.ts';
import {
  type TrimmedInitramfs,
  type TrimRequest,
  trimInitramfs,
} from '../../src/plan/initramfs/trim-initramfs.ts';
import { read } from './machine-facts.ts';
import { buildModule } from './module-builder.ts';

/** One module, by its path below the folder of modules. */
export interface ModuleRecipe {
  /** With dependencies of dependencies, as depmod writes them. */
  readonly depends?: readonly string[];
  readonly aliases?: readonly string[];
  readonly firmware?: readonly string[];
  /** Exported. */
  readonly symbols?: readonly string[];
  /** Of modules.softdep. */
  readonly softdep?: string;
}

/** What an image holds. */
export interface InitramfsRecipe {
  readonly release?: string;
  /** `usr/lib` unless told; initramfs-tools of old and busybox systems have `lib`. */
  readonly library?: 'usr/lib' | 'lib';
  readonly modules: Readonly<Record<string, ModuleRecipe>>;
  /** Both unless told; mkinitcpio leaves the binary ones alone. */
  readonly indexes?: 'both' | 'binary' | 'text' | 'none';
  readonly files?: Readonly<Record<string, string>>;
}

export const RELEASE = '6.1.0-56-amd64';

/** Folders first, then modules, indexes and files; `lib` is a link where the library is in usr. */
export function initramfsEntries(recipe: InitramfsRecipe): CpioEntry[] {
  const { release = RELEASE, library = 'usr/lib', indexes = 'both' } = recipe;
  const folder = `${library}/modules/${release}`;
  const files = [
    ...Object.entries(recipe.modules).map(([path, module]) =>
      cpioFile(`${folder}/${path}`, moduleFile(path, module)),
    ),
    ...(indexes === 'none' ? [] : indexFiles(folder, recipe.modules, indexes)),
    ...Object.entries(recipe.files ?? {}).map(([path, text]) => cpioFile(path, Buffer.from(text), 0o755)),
  ];
  return [
    ...parentFolders(files.map(({ name }) => name)).map((name) => cpioFolder(name)),
    ...(library === 'usr/lib' ? [cpioSymlink('lib', 'usr/lib')] : []),
    ...files,
  ];
}

/** The image: one archive. */
export function initramfsImage(recipe: InitramfsRecipe): Uint8Array {
  return encodeCpio(initramfsEntries(recipe));
}

function moduleFile(path: string, { depends = [], aliases = [], firmware = [] }: ModuleRecipe): Uint8Array {
  const module = buildModule({
    alias: aliases,
    firmware,
    depends: depends.join(','),
    name: moduleName(path),
  });
  return path.endsWith('.gz') ? gzipSync(module) : module;
}

function indexFiles(folder: string, modules: InitramfsRecipe['modules'], which: 'both' | 'binary' | 'text') {
  const all = Object.entries(modules).map(([path, module], priority) => ({
    path,
    name: moduleName(path),
    priority,
    ...module,
  }));
  const pathOf = (name: string) => all.find((one) => one.name === moduleName(name))!.path;
  const dependencies = all.map(({ name, path, depends = [], priority }) => ({
    key: name,
    value: [`${path}:`, ...depends.map(pathOf)].join(' '),
    priority,
  }));
  const named = (keys: (one: ModuleRecipe) => readonly string[] | undefined, start = '') =>
    all.flatMap((one) =>
      (keys(one) ?? []).map((key) => ({ key: `${start}${key}`, value: one.name, priority: one.priority })),
    );
  const aliases = named((one) => one.aliases);
  const symbols = named((one) => one.symbols, 'symbol:');
  const lines = (entries: readonly { key: string; value: string }[]) =>
    ['# by depmod', ...entries.map(({ key, value }) => `alias ${key} ${value}`), ''].join('\n');
  const soft = all.flatMap(({ name, softdep }) =>
    softdep === undefined ? [] : [`softdep ${name} ${softdep}\n`],
  );
  const texts = {
    'modules.dep': dependencies.map(({ value }) => `${value}\n`).join(''),
    'modules.alias': lines(aliases),
    'modules.symbols': lines(symbols),
  };
  const binaries = {
    'modules.dep.bin': encodeModuleIndex(dependencies),
    'modules.alias.bin': encodeModuleIndex(aliases),
    'modules.symbols.bin': encodeModuleIndex(symbols),
  };
  const contents: Record<string, string | Uint8Array> = {
    'modules.softdep': soft.join(''),
    ...(which === 'binary' ? {} : texts),
    ...(which === 'text' ? {} : binaries),
  };
  return Object.entries(contents).map(([name, content]) =>
    cpioFile(`${folder}/${name}`, Buffer.from(content)),
  );
}

/** Modules of which the machine below needs some. */
export const SOME_MODULES: Readonly<Record<string, ModuleRecipe>> = {
  'kernel/drivers/virtio/virtio.ko': { symbols: ['register_virtio_driver'] },
  'kernel/drivers/virtio/virtio_pci.ko': {
    depends: ['virtio'],
    aliases: ['pci:v00001AF4d*sv*sd*bc*sc*i*'],
  },
  'kernel/drivers/block/virtio_blk.ko': { depends: ['virtio'], aliases: ['virtio:d00000002v*'] },
  'kernel/drivers/net/virtio_net.ko': { depends: ['virtio'], aliases: ['virtio:d00000001v*'] },
  'kernel/drivers/net/ethernet/tg3.ko': {
    aliases: ['pci:v000014E4d00001659sv*sd*bc*sc*i*'],
    firmware: ['tigon/tg3.bin', 'shared.bin'],
    symbols: ['tg3_lives'],
  },
  'kernel/fs/ext4/ext4.ko': { depends: ['jbd2'], aliases: ['fs-ext4'], softdep: 'pre: crypto-crc32c' },
  'kernel/fs/jbd2/jbd2.ko': {},
  'kernel/fs/xfs/xfs.ko': { aliases: ['fs-xfs'] },
  'kernel/crypto/crc32c-generic.ko': { aliases: ['crypto-crc32c'] },
  'kernel/crypto/xts.ko': { aliases: ['crypto-xts'] },
  'kernel/drivers/md/dm-mod.ko': {},
  'kernel/drivers/md/dm-crypt.ko': { depends: ['dm-mod'] },
  'kernel/drivers/hid/hid.ko': {},
  'kernel/drivers/hid/usbhid/usbhid.ko': { depends: ['hid'] },
  'kernel/drivers/scsi/sd_mod.ko': {},
};

/** Those of them, by name, that stay whatever the machine, or that it needs. */
export const NEEDED_MODULES = [
  'crc32c_generic',
  'ext4',
  'hid',
  'jbd2',
  'usbhid',
  'virtio',
  'virtio_blk',
  'virtio_pci',
];

/** Firmware of tg3, which the machine below has not got, and other files beside it. */
export const FIRMWARE_FILES = {
  'usr/lib/firmware/tigon/tg3.bin': 'a',
  'usr/lib/firmware/updates/tigon/tg3.bin': 'b',
  [`usr/lib/firmware/${RELEASE}/tigon/tg3.bin.zst`]: 'c',
  'usr/lib/firmware/shared.bin': 'd',
  'usr/lib/firmware/regulatory.db': 'e',
};

/** The device that makes USB keyboards possible. */
export const USB_CONTROLLER = '/sys/devices/pci0000:00/0000:00:14.0';

/** A machine with a virtio disk, ext4 on it, and a USB controller; nothing is loaded that has another reason. */
export function virtioNeeds(overrides: Partial<InitramfsNeeds> = {}): InitramfsNeeds {
  const path = '/sys/devices/pci0000:00/0000:00:02.0';
  return {
    devices: read([
      { path, modalias: 'pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00', module: 'virtio_pci' },
      { path: USB_CONTROLLER, modalias: 'pci:v00001B36d0000000Dsv*bc0Csc03i30', module: undefined },
      { path: `${path}/virtio0`, modalias: 'virtio:d00000002v00001AF4', module: 'virtio_blk' },
    ]),
    loadedModules: read(new Set(['ext4', 'virtio_blk', 'virtio_pci'])),
    fileSystems: read(new Set(['ext4'])),
    blockDevices: read(new Set(['vda', 'vda1'])),
    mappings: read([]),
    ...overrides,
  };
}

const COMMAND_LINE = 'root=UUID=0123 ro quiet';

/** The same root again, with `virtioNeeds`. */
export function trimRequest(overrides: Partial<TrimRequest> = {}): TrimRequest {
  return {
    needs: virtioNeeds(),
    runningCommandLine: read(COMMAND_LINE),
    commandLine: COMMAND_LINE,
    release: RELEASE,
    ...overrides,
  };
}

/** Names of the modules among `entries`, sorted. */
export function modulesOf(entries: readonly CpioEntry[]): string[] {
  return entries.flatMap(({ name }) => modulePlaceOf(name)?.module ?? []).sort();
}

/** An image of some modules, as `recipe` changes it, trimmed. */
export function trimImage(
  recipe: Partial<InitramfsRecipe> = {},
  request: Partial<TrimRequest> = {},
): TrimmedInitramfs {
  const image = initramfsImage({ modules: SOME_MODULES, ...recipe });
  return trimInitramfs(readInitramfs(image, 'initrd'), trimRequest(request));
}
