/**
 * Reading a kernel's files.
 * @module
 */
import { resolve } from 'node:path';
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { Kernel } from './kernel.ts';
import { fileKind, OpenFile, readText } from './root-folder.ts';

/** Everything a plan is made from. */
export interface KernelFiles {
  readonly image: NamedBytes;
  /** In unpacking order. */
  readonly initrds: readonly NamedBytes[];
  readonly deviceTree: NamedBytes | undefined;
  /** Text of its build configuration. */
  readonly config: string | undefined;
}

/** Bytes. Above this nothing is a kernel or an initrd that a machine could hold twice. */
export const FILE_LIMIT = 4 * 1024 * 1024 * 1024;

/** @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for a file that is not there, cannot be read, or is empty */
export function readKernelFiles(kernel: Kernel): KernelFiles {
  return {
    image: readNamedFile(kernel.image),
    initrds: kernel.initrds.map((path) => readNamedFile(path)),
    deviceTree: kernel.deviceTree === undefined ? undefined : readNamedFile(kernel.deviceTree),
    config: kernel.config === undefined ? undefined : readText('/', kernel.config),
  };
}

/** A whole file. Its path stays with it, so that the kernel can be given the file itself. */
export function readNamedFile(path: string): NamedBytes {
  const absolute = resolve(path);
  if (fileKind('/', absolute) === 'folder')
    throw new KhopError('E_FORMAT', `${path} is a folder`, { hint: 'Name the file in it.' });
  using file = OpenFile.open('/', absolute);
  if (file.size === 0)
    throw new KhopError('E_FORMAT', `${path} is empty`, { hint: 'Fetch or build it again.' });
  if (file.size > FILE_LIMIT)
    throw new KhopError('E_FORMAT', `${path} is ${file.size} bytes: too large to be loaded`, {
      hint: 'Name a kernel or an initrd, not a disk image.',
    });
  const bytes = file.read(0, file.size);
  if (bytes.length !== file.size)
    throw new KhopError('E_UNREADABLE', `${path} became shorter while it was read`, {
      hint: 'Something writes to it; try again when that is done.',
    });
  return { name: path, path: absolute, bytes };
}
