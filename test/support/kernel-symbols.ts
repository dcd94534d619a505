/**
 * Debian's kernels with debugging information: `vmlinux` of linux-image-RELEASE-dbg, in the cache. The package is a
 * gigabyte and unpacks to six; only this file is taken out, and the package is not kept.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../../src/error.ts';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { type DebianPackage, fetchPackage, findPackage } from '../../src/lab/debian-packages.ts';
import type { LabKernel } from '../../src/lab/kernel-store.ts';

const UNPACK_TIMEOUT_MS = 300_000;
/** Fetching included. */
const BUILD_TIMEOUT_MS = 2_400_000;

/**
 * The package that fits `kernel`.
 * @returns why there is none, as a sentence, when the suite has not exactly this version of it
 */
export async function findSymbols(kernel: LabKernel): Promise<DebianPackage | string> {
  const name = `linux-image-${kernel.release}-dbg`;
  try {
    const found = await findPackage(kernel.suite, name);
    if (found.version === kernel.version) return found;
    return `Debian ${kernel.suite} has ${name} ${found.version}, and the kernel is ${kernel.version}`;
  } catch (cause) {
    if (cause instanceof KhopError && cause.code === 'E_LAB') return cause.message;
    throw cause;
  }
}

/** The file, fetched and unpacked on first use: its path. */
export async function unpackSymbols(kernel: LabKernel, symbols: DebianPackage): Promise<string> {
  // Since 7.x it lies beside the modules, and what was its place is a link: a second pass over a gigabyte.
  const isBesideModules = Number.parseInt(kernel.release, 10) >= 7;
  const path = isBesideModules
    ? `usr/lib/debug/lib/modules/${kernel.release}/vmlinux`
    : `usr/lib/debug/boot/vmlinux-${kernel.release}`;
  const folder = await cachedFolder({
    kind: 'kernel-symbols',
    inputs: { recipe: 1, package: symbols.sha256 },
    timeoutMs: BUILD_TIMEOUT_MS,
    build: async (target) => {
      const deb = await fetchPackage(symbols);
      await unpackFile(deb, path, target);
      await rm(deb);
    },
  });
  return join(folder, path);
}

/** tar ends as soon as it has the file, and dpkg-deb of a broken pipe. */
async function unpackFile(deb: string, path: string, folder: string): Promise<void> {
  const packed = spawn('dpkg-deb', ['--fsys-tarfile', deb], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: UNPACK_TIMEOUT_MS,
  });
  const tar = spawn('tar', ['--extract', '--occurrence=1', `./${path}`], {
    cwd: folder,
    stdio: [packed.stdout, 'ignore', 'inherit'],
    timeout: UNPACK_TIMEOUT_MS,
  });
  const ends = [once(tar, 'close'), once(packed, 'close')];
  packed.stdout.destroy();
  const [[status]] = (await Promise.all(ends)) as [[number | null], unknown];
  if (status !== 0)
    throw new KhopError('E_LAB', `cannot take ${path} out of ${deb}`, {
      hint: 'Look with dpkg-deb --contents where the package has its vmlinux.',
    });
}
