/**
 * The disk that lab machines mount read-only at /tool: Node.js, kexec-tools as the oracle, the libraries of
 * both, and the kernels to hop to. Only what the guest touches is ever read.
 * @module
 */
import { copyFile, cp, mkdir, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Architecture } from '../formats/architecture.ts';
import { RUNTIME_OPTIONS } from '../runtime-options.ts';
import { cachedFolder } from './cache-folder.ts';
import { fetchPackage, findWithDependencies, unpackPackage } from './debian-packages.ts';
import { writeExt4Image } from './ext4-image.ts';
import type { LabKernel } from './kernel-store.ts';
import { nodePackage } from './npm-package.ts';
import { PLATFORMS, type Platform } from './platform.ts';
import { smallInitramfs } from './small-initramfs.ts';

/** kexec-tools, and what Node.js is linked with. */
const PACKAGES = ['kexec-tools', 'libstdc++6', 'libatomic1'];

/** Asks questions when kexec-tools is configured; here nothing is. */
const UNUSED_PACKAGES = ['debconf'];

const OPTIONS = RUNTIME_OPTIONS.join(' ');
/** Both mount khop's own disk on first use, after every start of a kernel. */
const ON_DEMAND = '[ -e /tool/khop/main.js ] || mount-khop || exit 127';

/**
 * What a person types in the guest. khop takes kexec-tools' options when argv[0] is `kexec`, which a link to
 * Node.js of that name brings about.
 */
const programsFor = ({ loader }: Platform) => ({
  khop: `#!/bin/sh\n${ON_DEMAND}\nexec /tool/bin/node ${OPTIONS} /tool/khop/main.js "$@"\n`,
  // The full machine has other libraries than kexec-tools wants, so it always gets its own.
  'kexec-tools': `#!/bin/sh\nexec /tool/lib/${basename(loader)} --library-path /tool/lib /tool/sbin/kexec "$@"\n`,
  'khop-kexec': `#!/bin/sh\n${ON_DEMAND}\nexec /tool/khop-kexec/kexec ${OPTIONS} /tool/khop/main.js "$@"\n`,
});

/** The image with `kernels` in its /boot: its path. */
export async function toolDisk(
  kernels: readonly LabKernel[],
  architecture: Architecture = 'x86-64',
): Promise<string> {
  const platform = PLATFORMS[architecture];
  const packages = await findWithDependencies('bookworm', PACKAGES, UNUSED_PACKAGES, platform.debian);
  const node = await realpath(join(await nodePackage(architecture), 'bin', 'node'));
  const initramfs = await Promise.all(kernels.map(smallInitramfs));
  const folder = await cachedFolder({
    kind: 'tool-disk',
    inputs: {
      recipe: 3,
      programs: programsFor(platform),
      packages: packages.map(({ sha256 }) => sha256),
      node: [process.version, (await stat(node)).size],
      kernels: kernels.map(({ packages: debs }) => debs),
      initramfs,
    },
    timeoutMs: 300_000,
    build: async (target) => {
      const debs = await Promise.all(packages.map(fetchPackage));
      const tree = join(target, 'tree');
      await collectTools({ debs, node, platform }, tree, join(target, 'unpacked'));
      await collectKernels(kernels, initramfs, join(tree, 'boot'));
      await writeExt4Image(tree, join(target, 'tool.img'), { label: 'khop-tool', spareMib: 16 });
      await rm(tree, { recursive: true });
    },
  });
  return join(folder, 'tool.img');
}

async function collectTools(
  {
    debs,
    node,
    platform,
  }: { readonly debs: readonly string[]; readonly node: string; readonly platform: Platform },
  tree: string,
  unpacked: string,
): Promise<void> {
  for (const deb of debs) await unpackPackage(deb, unpacked);
  for (const name of ['bin', 'sbin', 'lib', 'boot', 'khop', 'khop-kexec'])
    await mkdir(join(tree, name), { recursive: true });
  const { triplet } = platform;
  for (const name of [`lib/${triplet}`, `usr/lib/${triplet}`, 'lib64', 'lib'])
    await copyLibraries(join(unpacked, name), join(tree, 'lib'));
  await copyFile(node, join(tree, 'bin', 'node'));
  await copyFile(join(unpacked, 'sbin', 'kexec'), join(tree, 'sbin', 'kexec'));
  await symlink('../bin/node', join(tree, 'khop-kexec', 'kexec'));
  for (const [name, script] of Object.entries(programsFor(platform)))
    await writeFile(join(tree, 'bin', name), script, { mode: 0o755 });
  await rm(unpacked, { recursive: true });
}

/** Debian's links between libraries lead to files beside them, so one flat folder keeps them working. */
async function copyLibraries(from: string, to: string): Promise<void> {
  for (const name of await readdir(from).catch(() => []))
    if (/\.so(\.|$)/.test(name)) {
      const source = join(from, name);
      if ((await stat(source).catch(() => undefined))?.isFile())
        await copyFile(await realpath(source), join(to, name));
    }
}

async function collectKernels(
  kernels: readonly LabKernel[],
  initramfs: readonly string[],
  boot: string,
): Promise<void> {
  for (const [index, kernel] of kernels.entries()) {
    await cp(kernel.image, join(boot, `vmlinuz-${kernel.release}`));
    await cp(kernel.config, join(boot, `config-${kernel.release}`));
    await cp(initramfs[index] ?? '', join(boot, `initrd.img-${kernel.release}`));
  }
}
