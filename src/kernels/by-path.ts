/**
 * A kernel named by its path: an image file, a Debian package or a build tree.
 * @module
 */
import { basename, dirname, join, resolve } from 'node:path';
import { KhopError } from '../error.ts';
import { matchInitrds, nameOfImage } from './boot-pairs.ts';
import { readBuildTree } from './build-tree.ts';
import { readDefaultCommandLine } from './default-command-line.ts';
import { describeKernel, type RunningKernel } from './describe-kernel.ts';
import { readFileSystems } from './file-systems.ts';
import { readImageHeader } from './image-header.ts';
import type { Kernel, KernelOrigin } from './kernel.ts';
import { withoutLoaderArguments } from './kernel-draft.ts';
import { unpackKernelPackage } from './kernel-package.ts';
import { fileKind, listFolder } from './root-folder.ts';

export type { RunningKernel } from './describe-kernel.ts';

/** What a path is read with. */
export interface ByPathOptions {
  /** Packages are unpacked below it, each in a folder named by its hash. */
  readonly cacheFolder: string;
  /** Undefined: the command line is the one that the system gives its kernels, or empty. */
  readonly running: RunningKernel | undefined;
}

/** What the path led to, before the files are looked at. */
interface Found {
  readonly image: string;
  readonly origin: KernelOrigin;
  readonly release: string | undefined;
  readonly config?: string | undefined;
  readonly modules?: string | undefined;
}

/**
 * The initrd is the one beside the image by its name, else the one in /boot for the same release.
 * @throws E_NOT_FOUND, E_UNREADABLE; E_FORMAT, E_UNSUPPORTED for a package without a kernel
 */
export function readKernelAtPath(path: string, options: ByPathOptions): Kernel {
  const absolute = resolve(path);
  const kind = fileKind('/', absolute);
  if (kind === 'absent' || kind === 'other')
    throw new KhopError('E_NOT_FOUND', `${path} ${kind === 'absent' ? 'does not exist' : 'is not a file'}`, {
      hint: '`khop list` shows installed kernels.',
    });
  return describe(findAt(absolute, kind, options), options);
}

function findAt(path: string, kind: 'file' | 'folder', options: ByPathOptions): Found {
  if (kind === 'folder') {
    const { image, release, config } = readBuildTree(path);
    return { image, release, config, origin: { kind: 'build-tree', tree: path } };
  }
  if (!path.endsWith('.deb')) return { image: path, release: undefined, origin: { kind: 'file' } };
  const { image, release, config, modules } = unpackKernelPackage(path, options.cacheFolder);
  return { image, release, config, modules, origin: { kind: 'deb', package: path } };
}

function describe(found: Found, options: ByPathOptions): Kernel {
  const { image, origin } = found;
  const header = readImageHeader('/', image);
  const release = header.release ?? found.release;
  const isUki = header.kind === 'uki';
  const { kernel } = describeKernel(
    '/',
    {
      origin,
      title: release === undefined ? basename(image) : `Linux ${release}`,
      version: release,
      image,
      initrds: isUki ? [] : initrdsFor(image, release),
      commandLine: isUki ? (header.uki?.commandLine ?? '') : defaultCommandLine(options.running),
      deviceTree: undefined,
      architecture: undefined,
      isDefault: false,
      problems: [],
    },
    options.running,
  );
  const ofTree = found.config === undefined ? {} : { config: found.config };
  const ofPackage = found.modules === undefined ? {} : { modules: found.modules };
  return { ...kernel, ...ofTree, ...ofPackage, id: image };
}

function initrdsFor(image: string, release: string | undefined): string[] {
  const name = nameOfImage(basename(image));
  const pairs: (readonly [string, string | undefined])[] = [
    [dirname(image), name],
    ['/boot', release],
  ];
  for (const [folder, wanted] of pairs) {
    if (wanted === undefined) continue;
    const found = matchInitrds(wanted, listFolder('/', folder));
    if (found.length > 0) return found.map((file) => join(folder, file));
  }
  return [];
}

/** The running kernel's, as it is known to find this machine's root. */
function defaultCommandLine(running: RunningKernel | undefined): string {
  if (running !== undefined) return withoutLoaderArguments(running.commandLine);
  return readDefaultCommandLine('/', readFileSystems('/')) ?? '';
}
