/**
 * Kernels and initrds that lie side by side in /boot, without a boot loader's word for them.
 * @module
 */
import { posix } from 'node:path';
import { readDefaultCommandLine } from './default-command-line.ts';
import type { FileSystem } from './file-systems.ts';
import { type KernelDraft, type KernelSource, withoutLoaderArguments } from './kernel-draft.ts';
import { fileKind, listFolder } from './root-folder.ts';

/** How distributions name images; the rest is the release, or a name such as `linux-lts`, or nothing. */
const IMAGE_NAME = /^(?:vmlinuz|vmlinux|Image|kernel|bzImage)(?:-(.+))?$/;
/** Copies, signatures, and the uncompressed twins that some distributions keep for debuggers. */
const NOT_AN_IMAGE = /(?:\.(?:old|bak|sig|hmac|signed|dpkg-\w+|rpm\w+|gz|xz|zst)|~)$/;
/** Debian, Fedora and Arch, openSUSE, Alpine and Gentoo, Slackware: the first that exists counts. */
const INITRD_NAMES: readonly ((name: string) => string)[] = [
  (name) => `initrd.img-${name}`,
  (name) => `initramfs-${name}.img`,
  (name) => `initrd-${name}`,
  (name) => `initrd-${name}.img`,
  (name) => `initramfs-${name}`,
  (name) => `initrd-${name}.gz`,
];
const INITRD_NAMES_ALONE = ['initrd.img', 'initramfs.img', 'initrd.gz', 'initrd'];
/** Arch keeps microcode beside; it has to be unpacked first. */
const MICROCODE_NAMES = ['amd-ucode.img', 'intel-ucode.img'];

/** What follows the prefix of an image's file name, e.g. the release; undefined when it is no such name. */
export function nameOfImage(fileName: string): string | undefined {
  const match = IMAGE_NAME.exec(fileName);
  return match === null || NOT_AN_IMAGE.test(fileName) ? undefined : (match[1] ?? '');
}

/** The initrds that belong to an image of this name among `files` of its folder, microcode first. */
export function matchInitrds(name: string, files: readonly string[]): string[] {
  const candidates = name === '' ? INITRD_NAMES_ALONE : INITRD_NAMES.map((nameOf) => nameOf(name));
  const initrd = candidates.find((candidate) => files.includes(candidate));
  return initrd === undefined ? [] : [...MICROCODE_NAMES.filter((one) => files.includes(one)), initrd];
}

/**
 * Every image of /boot, with the command line that the system gives its kernels, else the running kernel's.
 * @throws E_UNREADABLE
 */
export function readBootPairs(
  root: string,
  fileSystems: readonly FileSystem[],
  runningCommandLine: string | undefined,
): KernelSource {
  const files = listFolder(root, '/boot').filter((name) => fileKind(root, `/boot/${name}`) === 'file');
  const commandLine =
    readDefaultCommandLine(root, fileSystems) ?? withoutLoaderArguments(runningCommandLine ?? '');
  const drafts = files.flatMap((file): KernelDraft[] => {
    const name = nameOfImage(file);
    if (name === undefined) return [];
    return [
      {
        origin: { kind: 'boot-pair' },
        title: name === '' ? file : `Linux ${name}`,
        version: undefined,
        image: posix.join('/boot', file),
        initrds: matchInitrds(name, files).map((initrd) => posix.join('/boot', initrd)),
        commandLine,
        deviceTree: undefined,
        architecture: undefined,
        isDefault: false,
        problems: [],
      },
    ];
  });
  // A link such as Image has no initrd by its name; the image that it leads to comes before it.
  const byInitrds = drafts.toSorted((a, b) => Number(b.initrds.length > 0) - Number(a.initrds.length > 0));
  return { drafts: byInitrds, warnings: [] };
}
