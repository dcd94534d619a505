/**
 * A disk for the way through UEFI firmware and systemd-boot: one FAT file system, with the same kernel,
 * initramfs and restarting init as the disk with GRUB has.
 * @module
 */
import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { debianInitramfs } from '../../src/lab/debian-initramfs.ts';
import { fetchPackage, findPackage, unpackPackage } from '../../src/lab/debian-packages.ts';
import type { LabKernel } from '../../src/lab/kernel-store.ts';
import type { LabDisk } from '../../src/lab/qemu.ts';
import { runProcess } from '../../src/machine/run-process.ts';
import { INIT, withInit } from './bench-initrd.ts';
import { restartingInitProgram } from './mark-programs.ts';

const MIB = 1024 * 1024;
/** For the loader, folders and the file allocation tables. */
const SPARE_MIB = 8;

const LOADER_CONFIGURATION = 'timeout 0\ndefault khop.conf\neditor no\n';

/** The Boot Loader Specification, type #1. No root is named: init is in the initramfs. */
const ENTRY = `title khop bench
linux /vmlinuz
initrd /initrd.img
options ro quiet console=ttyS0 rdinit=/${INIT}
`;

const FOLDERS = ['::/EFI', '::/EFI/BOOT', '::/loader', '::/loader/entries'];

/** The disk that starts `kernel`. */
export async function systemdBootDisk(kernel: LabKernel): Promise<LabDisk> {
  const loader = await findPackage('bookworm', 'systemd-boot-efi');
  const initramfs = await debianInitramfs(kernel);
  const init = restartingInitProgram();
  const folder = await cachedFolder({
    kind: 'bench-systemd-boot-disk',
    inputs: {
      recipe: 1,
      loader: loader.sha256,
      kernel: kernel.packages,
      initramfs,
      init: Buffer.from(init).toString('base64'),
      configuration: [LOADER_CONFIGURATION, ENTRY],
    },
    timeoutMs: 300_000,
    build: async (target) => {
      const unpacked = join(target, 'unpacked');
      await unpackPackage(await fetchPackage(loader), unpacked);
      const file = async (name: string, content: Uint8Array | string): Promise<string> => {
        await writeFile(join(target, name), content);
        return join(target, name);
      };
      const files = {
        'EFI/BOOT/BOOTX64.EFI': join(unpacked, 'usr/lib/systemd/boot/efi/systemd-bootx64.efi'),
        'loader/loader.conf': await file('loader.conf', LOADER_CONFIGURATION),
        'loader/entries/khop.conf': await file('khop.conf', ENTRY),
        vmlinuz: kernel.image,
        'initrd.img': await file('initrd.img', withInit(await readFile(initramfs), init)),
      };
      await writeFatDisk(files, join(target, 'disk.img'));
      for (const used of ['unpacked', 'loader.conf', 'khop.conf', 'initrd.img'])
        await rm(join(target, used), { recursive: true });
    },
  });
  return { serial: 'khop-firmware', path: join(folder, 'disk.img'), access: 'read-only' };
}

/** @param files sources by their names on the disk, which has no partitions: firmware looks there, too */
async function writeFatDisk(files: Readonly<Record<string, string>>, image: string): Promise<void> {
  const sizes = await Promise.all(Object.values(files).map(async (path) => (await stat(path)).size));
  const sizeMib = SPARE_MIB + Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / MIB);
  await writeFile(image, '');
  await truncate(image, sizeMib * MIB);
  const limits = { timeoutMs: 60_000 };
  const geometry = ['-T', String((sizeMib * MIB) / 512), '-h', '255', '-s', '63'];
  await runProcess('mformat', ['-i', image, '-F', ...geometry, '-v', 'EFI', '::'], limits);
  await runProcess('mmd', ['-i', image, ...FOLDERS], limits);
  for (const [name, source] of Object.entries(files))
    await runProcess('mcopy', ['-i', image, source, `::/${name}`], limits);
}
