/**
 * The disk of the full machine: Debian bookworm with systemd, ssh, GRUB for BIOS and UEFI, and two kernels.
 * Built without loop devices: mmdebstrap makes the tree, mke2fs and mtools put it into partitions.
 * @module
 */
import { chmod, copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { runProcess } from '../machine/run-process.ts';
import { type CacheInputs, cachedFolder } from './cache-folder.ts';
import { findPackage } from './debian-packages.ts';
import { openSuite } from './debian-suite.ts';
import { DISK_IDENTITY, ROOT_MIB, writeGrubDisk } from './grub-disk.ts';
import { type LabKernel, labKernel } from './kernel-store.ts';
import { readLabScript } from './lab-script.ts';

const MIB = 1024 * 1024;
const BUILD_TIMEOUT_MS = 1_200_000;

/** Of Debian 12: the one for clouds is small, the other one has drivers of all kinds of hardware. */
export type KernelPackage = 'linux-image-cloud-amd64' | 'linux-image-amd64';

const packagesWith = (kernel: KernelPackage): readonly string[] => [
  ...['systemd', 'systemd-sysv', 'dbus', 'udev', 'kmod', 'procps', 'iproute2', 'openssh-server', 'zstd'],
  ...['initramfs-tools', kernel, 'grub2-common', 'grub-pc-bin', 'grub-efi-amd64-bin'],
  ...['libstdc++6', 'libatomic1', 'e2fsprogs', 'dosfstools', 'lsb-release'],
];

/** A built image. */
export interface FullImage {
  /** A raw disk. */
  readonly disk: string;
  /** What grub-mkconfig wrote for it. */
  readonly grubConfiguration: string;
}

/** What is in the image besides what always is. */
export interface FullImageChoice {
  /** Of the kernel that starts by itself. */
  readonly kernel?: KernelPackage | undefined;
  /** Packages that are installed on the finished system, as a person would do it, before GRUB is set up. */
  readonly more?: readonly string[] | undefined;
}

/** The image of the full machine. Building it takes a minute or two and needs root. */
export async function fullImage(choice: FullImageChoice = {}): Promise<FullImage> {
  const { kernel = 'linux-image-cloud-amd64', more = [] } = choice;
  const packages = packagesWith(kernel);
  const second = await labKernel('6.12', 'cloud-amd64');
  const first = await findPackage('bookworm', kernel);
  const scripts = {
    hook: await readLabScript('full-image-hook.sh'),
    agent: await readLabScript('guest-agent.sh'),
  };
  const inputs: CacheInputs = {
    recipe: 2,
    packages,
    kernels: [first.version, second.packages],
    hook: Buffer.from(scripts.hook).toString('base64'),
    agent: Buffer.from(scripts.agent).toString('base64'),
    identity: DISK_IDENTITY,
    rootMib: ROOT_MIB,
    // Absent without any, which keeps the name of that image.
    more: more.length === 0 ? undefined : await versionsOf(more),
  };
  const folder = await cachedFolder({
    kind: 'full-image',
    inputs,
    timeoutMs: BUILD_TIMEOUT_MS,
    build: async (target) => {
      if (process.getuid?.() !== 0)
        throw new KhopError('E_LAB', 'the disk of the full lab machine can only be built by root', {
          hint: 'Run the same command with sudo once; others can use what is in its cache.',
        });
      await buildTree(target, { packages, more, second, scripts });
      await writeGrubDisk(join(target, 'tree'), join(target, 'disk.img'));
      await copyFile(join(target, 'tree/boot/grub/grub.cfg'), join(target, 'grub.cfg'));
      await rm(join(target, 'tree'), { recursive: true });
    },
  });
  return { disk: join(folder, 'disk.img'), grubConfiguration: join(folder, 'grub.cfg') };
}

/** Hooks of packages may want a kernel and its initramfs to be there, so these come after the others. */
function installHooks(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...names].join(' ');
  return [`--customize-hook=DEBIAN_FRONTEND=noninteractive chroot "$1" ${install}`];
}

async function versionsOf(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => findPackage('bookworm', name)));
  return found.map(({ name, version }) => `${name} ${version}`);
}

async function buildTree(
  target: string,
  {
    packages,
    more,
    second,
    scripts,
  }: {
    readonly packages: readonly string[];
    readonly more: readonly string[];
    readonly second: LabKernel;
    readonly scripts: { readonly hook: Uint8Array; readonly agent: Uint8Array };
  },
): Promise<void> {
  const parameters = {
    ...DISK_IDENTITY,
    SECOND_RELEASE: second.release,
    SECOND_IMAGE: second.image,
    SECOND_CONFIG: second.config,
    SECOND_MODULES: second.modules,
  };
  const hook = join(target, 'hook.sh');
  await writeFile(hook, scripts.hook);
  await chmod(hook, 0o755);
  await writeFile(join(target, 'guest-agent.sh'), scripts.agent);
  await writeFile(
    join(target, 'parameters'),
    Object.entries(parameters)
      .map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'\n`)
      .join(''),
  );
  const suite = await openSuite('bookworm');
  const tree = join(target, 'tree');
  await runProcess(
    'mmdebstrap',
    [
      ...['--mode=root', '--variant=minbase', '--format=directory', '--architectures=amd64'],
      ...[`--include=${packages.join(',')}`, '--dpkgopt=force-unsafe-io'],
      ...['--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*'],
      ...['--dpkgopt=path-exclude=/usr/share/locale/*'],
      ...installHooks(more),
      `--customize-hook=${hook}`,
      ...['bookworm', tree, join(suite.folder, 'debian.sources')],
    ],
    { timeoutMs: BUILD_TIMEOUT_MS, ownGroup: true, maxOutputBytes: 64 * MIB },
  );
  // mmdebstrap leaves this empty, and systemd would treat every start as the first one.
  await writeFile(join(tree, 'etc', 'machine-id'), `${'6b686f70'.repeat(4)}\n`);
}
