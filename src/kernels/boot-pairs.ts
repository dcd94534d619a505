/**
 * Kernels and initrds that lie side by side in /boot, without a boot loader's word for them.
 * @module
 */
import { posix } from 'node:path';
import type { KernelDraft, KernelSource } from './kernel-draft.ts';
import { fileKind, listFolder, readText } from './root-folder.ts';

/** How distributions name images, and what follows the prefix: the release, or a name such as `linux-lts`. */
const IMAGE_NAME = /^(?:vmlinuz|vmlinux|Image|kernel|bzImage)-(.+)$/;
const NOT_AN_IMAGE = /\.(old|bak|sig|hmac|rescue|efi\.signed)$/;

/** Debian, Fedora, Arch, openSUSE, Gentoo: names of the initrd for a release, the first that exists counts. */
const INITRD_NAMES = [
  (release: string) => `initrd.img-${release}`,
  (release: string) => `initramfs-${release}.img`,
  (release: string) => `initrd-${release}`,
  (release: string) => `initramfs-${release}`,
];
/** Arch keeps microcode beside; it has to be unpacked first. */
const MICROCODE_NAMES = ['amd-ucode.img', 'intel-ucode.img'];

/** @param runningCommandLine used where the system does not say what its kernels get */
export function readBootPairs(root: string, runningCommandLine: string | undefined): KernelSource {
  const names = listFolder(root, '/boot');
  const commandLine = configuredCommandLine(root) ?? runningCommandLine ?? '';
  const microcode = MICROCODE_NAMES.filter((name) => names.includes(name));
  const drafts = names
    .filter((name) => IMAGE_NAME.test(name) && !NOT_AN_IMAGE.test(name))
    .filter((name) => fileKind(root, `/boot/${name}`) === 'file')
    .map((name): KernelDraft => {
      const release = IMAGE_NAME.exec(name)![1]!;
      const initrd = INITRD_NAMES.map((nameOf) => nameOf(release)).find((each) => names.includes(each));
      return {
        origin: { kind: 'boot-pair' },
        title: `Linux ${release}`,
        version: release,
        image: `/boot/${name}`,
        initrds: initrd === undefined ? [] : [...microcode, initrd].map((each) => posix.join('/boot', each)),
        commandLine,
        deviceTree: undefined,
        architecture: undefined,
        isDefault: false,
        problems: [],
      };
    });
  return { drafts, warnings: [] };
}

/** /etc/kernel/cmdline, else GRUB's defaults with the root that fstab names. */
function configuredCommandLine(root: string): string | undefined {
  const kernelInstall = readText(root, '/etc/kernel/cmdline')?.trim();
  if (kernelInstall) return kernelInstall.replaceAll(/\s+/g, ' ');
  const grub = readText(root, '/etc/default/grub');
  const rootDevice = /^\s*([^#\s]\S*)\s+\/\s/m.exec(readText(root, '/etc/fstab') ?? '')?.[1];
  if (grub === undefined || rootDevice === undefined) return undefined;
  const setting = (name: string) =>
    new RegExp(`^\\s*${name}=(?:"([^"]*)"|'([^']*)'|(\\S*))`, 'm')
      .exec(grub)
      ?.slice(1)
      .find((each) => each !== undefined);
  return [`root=${rootDevice}`, 'ro', setting('GRUB_CMDLINE_LINUX'), setting('GRUB_CMDLINE_LINUX_DEFAULT')]
    .filter((part) => part)
    .join(' ');
}
