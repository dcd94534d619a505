/**
 * The disk of the machine that is measured, its root file system by the command line: a kernel, the
 * initramfs of a Debian installation, and the programs that say when.
 * @module
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { debianInitramfs } from '../../src/lab/debian-initramfs.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import type { LabKernel } from '../../src/lab/kernel-store.ts';
import type { LabDisk } from '../../src/lab/qemu.ts';
import { INIT, withInit } from './bench-initrd.ts';
import { initProgram, jumpProgram } from './mark-programs.ts';

/** Where the guest mounts it. */
export const MOUNT_POINT = '/bench';

const SERIAL = 'khop-bench';

/** Its file system: the new command line names it. */
export const BENCH_DISK = { label: 'khop-bench', uuid: '6b686f70-be4c-4000-8000-000000000001' } as const;

/** Every method starts the new kernel with this. */
export const NEW_COMMAND_LINE = `root=UUID=${BENCH_DISK.uuid} ro quiet console=ttyS0 rdinit=/${INIT}`;

/** The disk, and what the report says of it. */
export interface BenchDisk {
  readonly disk: LabDisk;
  readonly kernel: LabKernel;
  /** Paths in the guest. */
  readonly image: string;
  readonly initrd: string;
  readonly imageBytes: number;
  readonly initrdBytes: number;
}

/** The disk with `kernel`. The initramfs is built on first use, by root, in about two minutes. */
export async function benchDisk(kernel: LabKernel): Promise<BenchDisk> {
  const image = await readFile(kernel.image);
  const initrd = withInit(await readFile(await debianInitramfs(kernel)), initProgram());
  const jump = jumpProgram();
  const folder = await cachedFolder({
    kind: 'bench-disk',
    inputs: {
      recipe: 1,
      kernel: kernel.packages,
      initramfs: await debianInitramfs(kernel),
      init: Buffer.from(initProgram()).toString('base64'),
      jump: Buffer.from(jump).toString('base64'),
      uuid: BENCH_DISK.uuid,
    },
    timeoutMs: 120_000,
    build: async (target) => {
      const tree = join(target, 'tree');
      for (const name of ['boot', 'bin']) await mkdir(join(tree, name), { recursive: true });
      await writeFile(join(tree, 'boot', `vmlinuz-${kernel.release}`), image);
      await copyFile(kernel.config, join(tree, 'boot', `config-${kernel.release}`));
      await writeFile(join(tree, 'boot', `initrd.img-${kernel.release}`), initrd);
      await writeFile(join(tree, 'bin', 'jump'), jump, { mode: 0o755 });
      await writeExt4Image(tree, join(target, 'disk.img'), { ...BENCH_DISK, spareMib: 8 });
      await rm(tree, { recursive: true });
    },
  });
  return {
    disk: { serial: SERIAL, path: join(folder, 'disk.img'), access: 'read-only' },
    kernel,
    image: `${MOUNT_POINT}/boot/vmlinuz-${kernel.release}`,
    initrd: `${MOUNT_POINT}/boot/initrd.img-${kernel.release}`,
    imageBytes: image.length,
    initrdBytes: initrd.length,
  };
}
