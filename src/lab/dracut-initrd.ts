/**
 * Initrds made by dracut, in a Debian that exists only while they are made. They carry the lab's agent, so that a
 * machine answers from within them.
 * @module
 */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KhopError } from '../error.ts';
import { runProcess } from '../machine/run-process.ts';
import { cachedFolder } from './cache-folder.ts';
import { findPackage } from './debian-packages.ts';
import { openSuite } from './debian-suite.ts';
import { type LabKernel, labKernel } from './kernel-store.ts';
import { readLabScript } from './lab-script.ts';

const SUITE = 'bookworm';
const PACKAGES = ['dracut-core', 'kmod', 'mount', 'udev', 'zstd', 'xz-utils', 'busybox-static'];
const BUILD_TIMEOUT_MS = 600_000;

/** What a lab machine needs before its root; all of a distribution's drivers would take minutes to pack. */
const DRIVERS = ['virtio_pci', 'virtio_console', 'virtio_blk', 'ext4'];

/** What is asked of dracut, by the name of the image. */
const VARIANTS = {
  'zstd-microcode': ['--zstd', '--early-microcode'],
  xz: ['--xz', '--no-early-microcode'],
} as const satisfies Record<string, readonly string[]>;

export type DracutVariant = keyof typeof VARIANTS;

/** Sourced by dracut's init once udev runs. The agent needs more programs than dracut brings. */
const AGENT_HOOK = `mkdir -p /usr/local/bin
/usr/bin/busybox --install -s /usr/local/bin
modprobe -a virtio_pci virtio_console
while :; do /bin/sh /usr/lib/khop/guest-agent.sh; sleep 1; done
`;

/** Made images. */
export interface DracutInitrds {
  /** The kernel that they are for. */
  readonly kernel: LabKernel;
  readonly paths: Readonly<Record<DracutVariant, string>>;
}

/** The initrds. Making them takes a minute or two and needs root. */
export async function dracutInitrds(): Promise<DracutInitrds> {
  // dracut 059 asks the configuration for CONFIG_MICROCODE_AMD, which kernels since 6.6 do not have.
  const kernel = await labKernel('6.1');
  const dracut = await findPackage(SUITE, 'dracut-core');
  const agent = await readLabScript('guest-agent.sh');
  const folder = await cachedFolder({
    kind: 'dracut-initrd',
    inputs: {
      recipe: 1,
      packages: [PACKAGES, dracut.sha256, kernel.packages],
      options: [VARIANTS, DRIVERS],
      included: [AGENT_HOOK, Buffer.from(agent).toString('base64')],
    },
    timeoutMs: BUILD_TIMEOUT_MS,
    build: async (target) => {
      if (process.getuid?.() !== 0)
        throw new KhopError('E_LAB', 'initrds of dracut can only be made by root', {
          hint: 'Run the same command with sudo once; others can use what is in its cache.',
        });
      await writeIncluded(join(target, 'included'), agent);
      await runDracut(kernel, target);
      await rm(join(target, 'included'), { recursive: true });
    },
  });
  const path = (name: DracutVariant) => join(folder, `${name}.img`);
  return { kernel, paths: { 'zstd-microcode': path('zstd-microcode'), xz: path('xz') } };
}

/** What the images hold besides dracut's own files. */
async function writeIncluded(folder: string, agent: Uint8Array): Promise<void> {
  const files: readonly (readonly [string, Uint8Array | string])[] = [
    ['usr/lib/khop/guest-agent.sh', agent],
    ['usr/lib/dracut/hooks/pre-trigger/50-khop-agent.sh', AGENT_HOOK],
  ];
  for (const [name, content] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
    await chmod(join(folder, name), 0o755);
  }
}

/** The hooks are run outside the new system, with its folder as `$1`; nothing but the images is kept. */
async function runDracut(kernel: LabKernel, target: string): Promise<void> {
  const { folder } = await openSuite(SUITE);
  const { release } = kernel;
  const common = `--no-hostonly --kver ${release} --drivers '${DRIVERS.join(' ')}' --include /included /`;
  const hooks = [
    // No real microcode is free software; dracut puts any file of this name into the early archive.
    'mkdir -p "$1/usr/lib/modules" "$1/lib/firmware/amd-ucode"',
    'echo microcode >"$1/lib/firmware/amd-ucode/microcode_amd_lab.bin"',
    `copy-in ${kernel.modules} /usr/lib/modules`,
    `copy-in ${kernel.config} /boot`,
    `copy-in ${join(target, 'included')} /`,
    `chroot "$1" depmod ${release}`,
    'install -D -m 755 "$1/bin/busybox" "$1/included/usr/bin/busybox"',
    ...Object.entries(VARIANTS).flatMap(([name, options]) => [
      `chroot "$1" dracut ${common} ${options.join(' ')} /${name}.img`,
      `copy-out /${name}.img ${target}`,
    ]),
  ];
  await runProcess(
    'mmdebstrap',
    [
      ...['--mode=root', '--variant=essential', '--format=null', '--architectures=amd64'],
      ...[`--include=${PACKAGES.join(',')}`, '--dpkgopt=force-unsafe-io'],
      ...['--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/locale/*'],
      ...hooks.map((hook) => `--customize-hook=${hook}`),
      ...[SUITE, '-', join(folder, 'debian.sources')],
    ],
    { timeoutMs: BUILD_TIMEOUT_MS, ownGroup: true, maxOutputBytes: 64 * 1024 * 1024 },
  );
}
