/**
 * The initramfs that an installation of Debian has: MODULES=most with busybox, LVM and LUKS, made by
 * initramfs-tools in a tree of the distribution's own packages. It carries some hundred drivers that no
 * single machine needs, which is what a kernel switch has to move and unpack on real machines.
 * @module
 */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { runProcess } from '../machine/run-process.ts';
import { cachedFolder } from './cache-folder.ts';
import { type DebianSuite, openSuite } from './debian-suite.ts';
import type { KernelLine, LabKernel } from './kernel-store.ts';
import { readLabScript } from './lab-script.ts';

const BUILD_TIMEOUT_MS = 900_000;
const OUTPUT_LIMIT = 64 * 1024 * 1024;

const PACKAGES = [
  ...['initramfs-tools', 'busybox', 'zstd', 'kmod', 'udev', 'e2fsprogs', 'lvm2', 'cryptsetup-initramfs'],
  ...['console-setup', 'kbd', 'keyboard-configuration'],
];

/**
 * The release whose tools make it: the one that carries the kernel. A kernel of sid gets the tools of the
 * last release, because sid itself cannot be installed on every day.
 */
const TOOLS = { '6.1': 'bookworm', '6.12': 'trixie', '7.2': 'trixie' } as const satisfies Record<
  KernelLine,
  DebianSuite
>;

/** The image for `kernel`: its path. Made on first use, by root, in about two minutes. */
export async function debianInitramfs(kernel: LabKernel): Promise<string> {
  const hook = await readLabScript('debian-initramfs-hook.sh');
  const folder = await cachedFolder({
    kind: 'debian-initramfs',
    inputs: {
      recipe: 1,
      packages: PACKAGES,
      kernel: kernel.packages,
      hook: Buffer.from(hook).toString('base64'),
    },
    timeoutMs: BUILD_TIMEOUT_MS,
    build: async (target) => {
      if (process.getuid?.() !== 0)
        throw new KhopError('E_LAB', 'the initramfs of a Debian installation can only be built by root', {
          hint: 'Run the same command with sudo once; others can use what is in its cache.',
        });
      await build(target, kernel, hook);
    },
  });
  return join(folder, 'initrd.img');
}

async function build(target: string, kernel: LabKernel, hookScript: Uint8Array): Promise<void> {
  const hook = join(target, 'hook.sh');
  await writeFile(hook, hookScript);
  await chmod(hook, 0o755);
  const parameters = { RELEASE: kernel.release, CONFIG: kernel.config, MODULES: kernel.modules };
  await writeFile(
    join(target, 'parameters'),
    Object.entries(parameters)
      .map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'\n`)
      .join(''),
  );
  const suite = await openSuite(TOOLS[kernel.line]);
  const tree = join(target, 'tree');
  await runProcess(
    'mmdebstrap',
    [
      ...['--mode=root', '--variant=minbase', '--format=directory', '--architectures=amd64'],
      ...[`--include=${PACKAGES.join(',')}`, '--dpkgopt=force-unsafe-io', `--customize-hook=${hook}`],
      ...[suite.suite, tree, join(suite.folder, 'debian.sources')],
    ],
    { timeoutMs: BUILD_TIMEOUT_MS, ownGroup: true, maxOutputBytes: OUTPUT_LIMIT },
  );
  await rm(tree, { recursive: true });
}
