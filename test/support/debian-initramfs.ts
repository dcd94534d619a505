/**
 * The initramfs that an installation of Debian 12 has: MODULES=most, busybox, LVM and LUKS, made by
 * initramfs-tools in a tree of the distribution's own packages.
 * @module
 */
import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { findPackage } from '../../src/lab/debian-packages.ts';
import { openSuite } from '../../src/lab/debian-suite.ts';
import { runProcess } from '../../src/machine/run-process.ts';

const BUILD_TIMEOUT_MS = 900_000;
const PACKAGES = [
  ...['initramfs-tools', 'linux-image-amd64', 'busybox', 'zstd', 'kmod', 'udev', 'e2fsprogs'],
  ...['lvm2', 'cryptsetup-initramfs', 'console-setup', 'kbd', 'keyboard-configuration'],
];

/** What was made, and by which kernel's package. */
export interface DebianInitramfs {
  readonly path: string;
  readonly release: string;
}

/** False when this process can make one, else why a test that needs it is skipped. */
export function whyNoInitramfs(): string | false {
  return process.getuid?.() === 0 ? false : 'making a tree of Debian packages needs root';
}

/** The image, made on first use: that takes two minutes. @throws E_LAB, E_CHILD when it cannot be made */
export async function debianInitramfs(): Promise<DebianInitramfs> {
  const kernel = await findPackage('bookworm', 'linux-image-amd64');
  const folder = await cachedFolder({
    kind: 'debian-initramfs',
    inputs: { recipe: 1, packages: PACKAGES, kernel: kernel.version },
    timeoutMs: BUILD_TIMEOUT_MS,
    build,
  });
  const name = (await readdir(folder)).find((one) => one.startsWith('initrd.img-'))!;
  return { path: join(folder, name), release: name.replace('initrd.img-', '') };
}

async function build(folder: string): Promise<void> {
  const suite = await openSuite('bookworm');
  const tree = join(folder, 'tree');
  await runProcess(
    'mmdebstrap',
    [
      ...['--mode=root', '--variant=minbase', '--format=directory', '--architectures=amd64'],
      ...[`--include=${PACKAGES.join(',')}`, '--dpkgopt=force-unsafe-io'],
      ...['bookworm', tree, join(suite.folder, 'debian.sources')],
    ],
    { timeoutMs: BUILD_TIMEOUT_MS, ownGroup: true, maxOutputBytes: 64 * 1024 * 1024 },
  );
  for (const name of await readdir(join(tree, 'boot')))
    if (name.startsWith('initrd.img-')) await copyFile(join(tree, 'boot', name), join(folder, name));
  await rm(tree, { recursive: true });
}
