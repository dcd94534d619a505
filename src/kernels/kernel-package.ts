/**
 * The kernel of a Debian package, unpacked into a cache: a package is unpacked once, whatever its name.
 * @module
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { KhopError } from '../error.ts';
import { parseDebControl, parseDebFiles } from '../formats/deb.ts';
import { nameOfImage } from './boot-pairs.ts';
import { readImageHeader } from './image-header.ts';
import { fileKind, listFolder, OpenFile } from './root-folder.ts';

/** What was unpacked. Absolute paths. */
export interface KernelPackage {
  readonly image: string;
  readonly release: string | undefined;
  readonly config: string | undefined;
  readonly modules: string | undefined;
}

const PACKAGE_LIMIT = 2 ** 31;
/** What a kernel package has that khop can use; documentation and the like stay packed. */
const WANTED = /^(?:boot|(?:usr\/)?lib\/modules)\//;
/** Of what was unpacked: path -> bytes. Written last. */
const LIST = 'unpacked.json';
/** Before the writer's process id. */
const UNFINISHED = 'unpacking-';
const IMAGE_PATHS = ['boot', 'lib/modules', 'usr/lib/modules'];

/** @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT; E_UNSUPPORTED when it holds no kernel image */
export function unpackKernelPackage(path: string, cacheFolder: string): KernelPackage {
  const bytes = readPackage(path);
  const hash = createHash('sha256').update(bytes).digest('hex');
  const folder = join(cacheFolder, 'packages', hash);
  if (!isWhole(folder)) unpack(bytes, path, folder);
  const found = findImage(folder);
  if (found === undefined)
    throw new KhopError('E_UNSUPPORTED', `${path} holds no kernel image`, { hint: whereImageIs(bytes) });
  const release = readImageHeader('/', found.image).release ?? found.release;
  const existing = (paths: readonly string[], kind: 'file' | 'folder'): string | undefined =>
    paths.map((one) => join(folder, one)).find((one) => fileKind('/', one) === kind);
  // Newer packages put the image there too, and the modules into another package.
  const modules = existing([`lib/modules/${release}/kernel`, `usr/lib/modules/${release}/kernel`], 'folder');
  return {
    image: found.image,
    release,
    config: existing([`boot/config-${release}`, `usr/lib/modules/${release}/config`], 'file'),
    modules: modules === undefined ? undefined : dirname(modules),
  };
}

/** Newer packages are split: linux-image-RELEASE only depends on linux-binary-RELEASE, which has the image. */
function whereImageIs(bytes: Uint8Array): string {
  const depends = parseDebControl(bytes).get('Depends') ?? '';
  const needed = /\blinux-(?:binary|image)-\d\S*/.exec(depends)?.[0];
  if (needed !== undefined) return `It depends on ${needed}: name that package instead.`;
  return 'Name the package that holds boot/vmlinuz-RELEASE, e.g. linux-image-RELEASE, or linux-binary-RELEASE.';
}

function readPackage(path: string): Uint8Array {
  using file = OpenFile.open('/', path);
  if (file.size > PACKAGE_LIMIT)
    throw new KhopError('E_FORMAT', `${path} is ${file.size} bytes: too large for a kernel package`, {
      hint: 'Name a package such as linux-image-RELEASE.',
    });
  return file.read(0, file.size);
}

/** Whether every file has the size that it was unpacked with: no more is looked at, a package has thousands. */
function isWhole(folder: string): boolean {
  try {
    const sizes: unknown = JSON.parse(readFileSync(join(folder, LIST), 'utf8'));
    return Object.entries(sizes as object).every(
      ([name, size]) => statSync(join(folder, name)).size === size,
    );
  } catch {
    return false;
  }
}

/** Into a folder of its own first: the cache never holds half a package, whatever ends this process or the power. */
function unpack(bytes: Uint8Array, path: string, folder: string): void {
  const parent = dirname(folder);
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    removeUnfinished(parent);
    const work = mkdtempSync(join(parent, `${UNFINISHED}${process.pid}-`));
    try {
      const sizes = new Map<string, number>();
      for (const entry of parseDebFiles(bytes)) {
        const name = posix.normalize(entry.path).replace(/^\/+/, '');
        // Links and devices are left out: nothing that khop reads is one, and they could lead elsewhere.
        if (entry.kind !== 'file' || !WANTED.test(name)) continue;
        mkdirSync(join(work, dirname(name)), { recursive: true, mode: 0o700 });
        writeFileSync(join(work, name), entry.bytes, { mode: 0o600 });
        sizes.set(name, entry.bytes.length);
      }
      writeFileSync(join(work, LIST), JSON.stringify(Object.fromEntries(sizes)), { mode: 0o600 });
      for (const name of [LIST, ...sizes.keys()]) syncToDisk(join(work, name));
      for (const name of foldersOf(sizes.keys())) syncToDisk(join(work, name));
      rmSync(folder, { recursive: true, force: true });
      renameSync(work, folder);
      syncToDisk(parent);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  } catch (cause) {
    if (cause instanceof KhopError) throw new KhopError(cause.code, `${path}: ${cause.message}`, cause);
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    // Another khop was faster.
    if ((code === 'ENOTEMPTY' || code === 'EEXIST') && isWhole(folder)) return;
    throw new KhopError('E_UNREADABLE', `${path} cannot be unpacked to ${folder}: ${String(code ?? cause)}`, {
      hint: 'Check that the cache folder can be written and has room.',
      cause,
    });
  }
}

/** Left by a process that is gone. One that still works keeps its folder: whoever only plans holds no lock. */
function removeUnfinished(parent: string): void {
  for (const name of listFolder('/', parent)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const owner = name.slice(UNFINISHED.length).split('-', 1)[0];
    const isAtWork = owner !== String(process.pid) && fileKind('/', `/proc/${owner}`) === 'folder';
    if (!isAtWork) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/** All folders above the files, `.` included. */
function foldersOf(names: Iterable<string>): ReadonlySet<string> {
  const folders = new Set<string>(['.']);
  for (const name of names)
    for (let folder = dirname(name); folder !== '.'; folder = dirname(folder)) folders.add(folder);
  return folders;
}

/** A file's bytes, or the names in a folder. */
function syncToDisk(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** boot/vmlinuz-RELEASE, or RELEASE/vmlinuz among the modules as newer packages have it. */
function findImage(folder: string): { image: string; release: string | undefined } | undefined {
  for (const place of IMAGE_PATHS) {
    for (const name of listFolder('/', join(folder, place))) {
      const path = join(folder, place, name);
      if (place === 'boot' && nameOfImage(name) !== undefined)
        return { image: path, release: nameOfImage(name) };
      const image = join(path, 'vmlinuz');
      if (place !== 'boot' && fileKind('/', image) === 'file') return { image, release: name };
    }
  }
  return undefined;
}
