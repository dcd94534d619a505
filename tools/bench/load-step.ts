/**
 * What loading costs while the machine still serves: CPU time and peak memory, for initramfs of two sizes.
 * One instruction is a nanosecond of CPU time here. The files are in the page cache already.
 * @module
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../../src/error.ts';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';
import type { LabKernel } from '../../src/lab/kernel-store.ts';
import { BENCH_DISK, type BenchDisk, MOUNT_POINT } from './bench-disk.ts';
import { INIT } from './bench-initrd.ts';
import { loadKernel, timeCommand } from './blackout.ts';
import { startCountedMachine } from './counted-machine.ts';
import { initProgram } from './mark-programs.ts';
import type { LoadMethod } from './methods.ts';
import type { LoadStepResult } from './report.ts';

const READ_TIMEOUT_MS = 300_000;
/** Of the initramfs. */
export const SIZES_MIB = [60, 300] as const;

/** One method with one size; when it fails, the result says why. */
export async function measureLoadStep(
  kernel: LabKernel,
  { id, title, prepare, load }: LoadMethod,
  initrdMib: number,
): Promise<LoadStepResult> {
  const disk = await loadDisk(kernel, initrdMib);
  return { id, title, initrdMib, ...(await attempt(disk, prepare?.(disk), load(disk))) };
}

async function attempt(
  disk: BenchDisk,
  prepare: string | undefined,
  load: string,
): Promise<Pick<LoadStepResult, 'use' | 'preparation' | 'error'>> {
  try {
    await using machine = await startCountedMachine(disk);
    // What is in the page cache already is charged to nobody who reads it again.
    await machine.run(`cat ${disk.image} ${disk.initrd} >/dev/null`, { timeoutMs: READ_TIMEOUT_MS });
    const preparation = prepare === undefined ? undefined : await timeCommand(machine, prepare);
    return { preparation, use: await loadKernel(machine, load), error: undefined };
  } catch (cause) {
    if (!(cause instanceof KhopError)) throw cause;
    return { use: undefined, preparation: undefined, error: cause.message.split('\n')[0] };
  }
}

async function loadDisk(kernel: LabKernel, initrdMib: number): Promise<BenchDisk> {
  const folder = await cachedFolder({
    kind: 'bench-load-disk',
    inputs: { recipe: 2, kernel: kernel.packages, initrdMib },
    timeoutMs: 120_000,
    build: async (target) => {
      const boot = join(target, 'tree', 'boot');
      await mkdir(boot, { recursive: true });
      await copyFile(kernel.image, join(boot, `vmlinuz-${kernel.release}`));
      await copyFile(kernel.config, join(boot, `config-${kernel.release}`));
      await writeFile(join(boot, `initrd.img-${kernel.release}`), initramfsOf(initrdMib));
      await writeExt4Image(join(target, 'tree'), join(target, 'disk.img'), { ...BENCH_DISK, spareMib: 8 });
      await rm(join(target, 'tree'), { recursive: true });
    },
  });
  return {
    disk: { serial: 'khop-bench', path: join(folder, 'disk.img'), access: 'read-only' },
    kernel,
    image: `${MOUNT_POINT}/boot/vmlinuz-${kernel.release}`,
    initrd: `${MOUNT_POINT}/boot/initrd.img-${kernel.release}`,
    imageBytes: 0,
    initrdBytes: initrdMib * 2 ** 20,
  };
}

/** An archive that does not get smaller when it is compressed, always the same one. */
function initramfsOf(mib: number): Uint8Array {
  const block = createHash('shake256', { outputLength: 2 ** 20 });
  const noise = block.update('khop bench').digest();
  // The command line names it, and khop does not start a kernel whose init is missing.
  const init = cpioFile(INIT, initProgram(), 0o755);
  const files = Array.from({ length: mib }, (_, index) => cpioFile(`noise-${index}`, noise));
  return encodeCpio([init, ...files]);
}
