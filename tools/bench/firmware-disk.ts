/**
 * A disk for the way through firmware: GRUB starts the same kernel and initramfs as the other methods do,
 * and its init restarts the machine after it has said when it came up.
 * @module
 */
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { debianInitramfs } from '../../src/lab/debian-initramfs.ts';
import {
  fetchPackage,
  findPackage,
  findWithDependencies,
  unpackPackage,
} from '../../src/lab/debian-packages.ts';
import { DISK_IDENTITY, writeGrubDisk } from '../../src/lab/grub-disk.ts';
import type { LabKernel } from '../../src/lab/kernel-store.ts';
import type { LabDisk } from '../../src/lab/qemu.ts';
import { runProcess } from '../../src/machine/run-process.ts';
import { INIT, withInit } from './bench-initrd.ts';
import { restartingInitProgram } from './mark-programs.ts';

const GRUB = ['grub-common', 'grub-pc-bin', 'grub-efi-amd64-bin'];

/** What grub-mkimage is linked with; their own programs are not needed. */
const LIBRARIES = ['libdevmapper1.02.1', 'liblzma5'];
const UNUSED_PACKAGES = ['dmsetup', 'debconf'];

const GRUB_CONFIGURATION = `set timeout=0
set root=hd0,msdos2
linux /boot/vmlinuz root=UUID=${DISK_IDENTITY.ROOT_UUID} ro quiet console=ttyS0 rdinit=/${INIT}
initrd /boot/initrd.img
boot
`;

/** What each of GRUB's images is made of beside its kernel; everything else it reads from the disk. */
const GRUB_IMAGES = [
  {
    format: 'i386-pc',
    file: 'core.img',
    prefix: '(hd0,msdos2)/boot/grub',
    modules: ['biosdisk', 'part_msdos', 'ext2'],
  },
  {
    format: 'x86_64-efi',
    file: 'core.efi',
    prefix: '(hd0,msdos2)/boot/grub',
    modules: ['part_msdos', 'ext2', 'normal', 'configfile'],
  },
] as const;

/** The disk that starts `kernel`. */
export async function firmwareDisk(kernel: LabKernel): Promise<LabDisk> {
  const packages = [
    ...(await Promise.all(GRUB.map((name) => findPackage('bookworm', name)))),
    ...(await findWithDependencies('bookworm', LIBRARIES, UNUSED_PACKAGES)),
  ];
  const initramfs = await debianInitramfs(kernel);
  const init = restartingInitProgram();
  const folder = await cachedFolder({
    kind: 'bench-firmware-disk',
    inputs: {
      recipe: 1,
      packages: packages.map(({ sha256 }) => sha256),
      kernel: kernel.packages,
      initramfs,
      init: Buffer.from(init).toString('base64'),
      configuration: GRUB_CONFIGURATION,
      images: GRUB_IMAGES,
    },
    timeoutMs: 300_000,
    build: async (target) => {
      const [tree, unpacked] = [join(target, 'tree'), join(target, 'unpacked')];
      await mkdir(join(tree, 'boot', 'grub'), { recursive: true });
      for (const entry of packages) await unpackPackage(await fetchPackage(entry), unpacked);
      await writeGrub(unpacked, join(tree, 'boot', 'grub'));
      await copyFile(kernel.image, join(tree, 'boot', 'vmlinuz'));
      await writeFile(join(tree, 'boot', 'initrd.img'), withInit(await readFile(initramfs), init));
      await writeGrubDisk(tree, join(target, 'disk.img'));
      for (const used of [tree, unpacked]) await rm(used, { recursive: true });
    },
  });
  return { serial: 'khop-firmware', path: join(folder, 'disk.img'), access: 'read-only' };
}

/** @param unpacked the packages, whose own libraries their programs are run with */
async function writeGrub(unpacked: string, target: string): Promise<void> {
  await writeFile(join(target, 'grub.cfg'), GRUB_CONFIGURATION);
  const libraries = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((name) => join(unpacked, name));
  for (const { format, file, prefix, modules } of GRUB_IMAGES) {
    const folder = join(target, format);
    await cp(join(unpacked, 'usr', 'lib', 'grub', format), folder, { recursive: true });
    await runProcess(
      join(unpacked, 'lib64', (await readdir(join(unpacked, 'lib64')))[0] ?? 'ld-linux-x86-64.so.2'),
      [
        ...['--library-path', libraries.join(':'), join(unpacked, 'usr', 'bin', 'grub-mkimage')],
        ...['-d', folder, '-O', format, '-p', prefix, '-o', join(folder, file), ...modules],
      ],
      { timeoutMs: 60_000 },
    );
  }
}
