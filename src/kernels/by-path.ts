/**
 * A kernel named by its path: an image file or a build tree.
 * @module
 */
import { basename, join, resolve } from 'node:path';
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';
import { releaseOfImage } from './image-release.ts';
import type { Kernel, KernelOrigin } from './kernel.ts';
import { fileKind, readText } from './root-folder.ts';

/** What is known of the running system. */
export interface RunningKernel {
  readonly release: string;
  readonly commandLine: string;
  readonly architecture: Architecture;
}

/** Where the build leaves the image, by architecture; the first that exists counts. */
const BUILT_IMAGES = [
  'arch/x86/boot/bzImage',
  'arch/arm64/boot/Image',
  'arch/arm64/boot/vmlinuz.efi',
  'vmlinux',
];

/**
 * The initrd is the one in /boot for the same release, where there is one.
 * @throws E_NOT_FOUND; E_UNSUPPORTED for a package
 */
export function readKernelAtPath(
  path: string,
  options: { readonly cacheFolder: string; readonly running: RunningKernel | undefined },
): Kernel {
  const absolute = resolve(path);
  const kind = fileKind('/', absolute);
  if (kind === 'absent')
    throw new KhopError('E_NOT_FOUND', `${path} does not exist`, {
      hint: '`khop list` shows installed kernels.',
    });
  if (kind === 'folder') return readBuildTree(absolute, options.running);
  if (absolute.endsWith('.deb'))
    throw new KhopError('E_UNSUPPORTED', `${path} is a package, which khop does not unpack yet`, {
      hint: 'Unpack it (dpkg-deb -x FILE FOLDER) and name the image in it with --initrd.',
    });
  return describeFile(absolute, { kind: 'file' }, options.running);
}

function readBuildTree(tree: string, running: RunningKernel | undefined): Kernel {
  const image = BUILT_IMAGES.map((name) => join(tree, name)).find((each) => fileKind('/', each) === 'file');
  if (image === undefined)
    throw new KhopError('E_NOT_FOUND', `${tree} holds no built kernel (${BUILT_IMAGES.join(', ')})`, {
      hint: 'Build one first (make), or name an image file.',
    });
  const release = readText('/', join(tree, 'include/config/kernel.release'))?.trim();
  const kernel = describeFile(image, { kind: 'build-tree', tree }, running, release);
  const config = join(tree, '.config');
  return fileKind('/', config) === 'file' ? { ...kernel, config } : kernel;
}

function describeFile(
  image: string,
  origin: KernelOrigin,
  running: RunningKernel | undefined,
  stated?: string,
): Kernel {
  const release = releaseOfImage('/', image, stated);
  const existing = (path: string) => (fileKind('/', path) === 'absent' ? undefined : path);
  const initrd =
    release === undefined
      ? undefined
      : (existing(`/boot/initrd.img-${release}`) ?? existing(`/boot/initramfs-${release}.img`));
  return {
    id: image,
    title: release === undefined ? basename(image) : `Linux ${release}`,
    release,
    image,
    initrds: initrd === undefined ? [] : [initrd],
    commandLine: '',
    deviceTree: undefined,
    modules: release === undefined ? undefined : existing(`/lib/modules/${release}`),
    config: release === undefined ? undefined : existing(`/boot/config-${release}`),
    origin,
    aliases: [],
    isRunning: release !== undefined && release === running?.release,
    isDefault: false,
    isNewest: false,
    problems: [],
  };
}
