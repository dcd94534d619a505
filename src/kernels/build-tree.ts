/**
 * A kernel in the tree it was built in.
 * Specification: linux Documentation/kbuild; arch/x86/boot/Makefile, arch/arm64/boot/Makefile.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { fileKind, readText } from './root-folder.ts';

/** What a build leaves. Absolute paths. */
export interface BuildTree {
  readonly image: string;
  readonly release: string | undefined;
  readonly config: string | undefined;
}

/** The first that exists counts: what boot loaders take before what debuggers take. */
const IMAGES = [
  'arch/x86/boot/bzImage',
  'arch/arm64/boot/Image',
  'arch/arm64/boot/vmlinuz.efi',
  'arch/arm64/boot/Image.gz',
  'vmlinux',
];

/** @throws E_NOT_FOUND when nothing is built there */
export function readBuildTree(tree: string): BuildTree {
  const image = IMAGES.map((name) => join(tree, name)).find((path) => fileKind('/', path) === 'file');
  if (image === undefined)
    throw new KhopError('E_NOT_FOUND', `${tree} holds no built kernel (${IMAGES.join(', ')})`, {
      hint: 'Build one (make), or name an image file.',
    });
  const config = join(tree, '.config');
  return {
    image,
    release: readText('/', join(tree, 'include/config/kernel.release'))?.trim() || undefined,
    config: fileKind('/', config) === 'file' ? config : undefined,
  };
}
