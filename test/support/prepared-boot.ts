/**
 * A boot folder with one kernel and one initrd, and the cache that is prepared from it.
 * @module
 */
import { join } from 'node:path';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { variantOf } from '../../src/prepare/initramfs-purpose.ts';
import { type PrepareOutcome, type PrepareRequest, prepareKernel } from '../../src/prepare/prepare-kernel.ts';
import { findPrepared, identifyFile, type PreparedEntry } from '../../src/prepare/prepared-store.ts';
import { initramfsImage, SOME_MODULES } from './initramfs-builder.ts';
import { read } from './machine-facts.ts';
import { buildTree, type TreeFiles } from './tree-builder.ts';
import { buildKernelImage } from './unpacked-kernel-builder.ts';

/** Paths, and what is done with them. */
export interface PreparedBoot extends Disposable {
  readonly root: string;
  readonly image: string;
  readonly initrd: string;
  readonly cache: string;
  /** Of the entries, one folder each. */
  readonly prepared: string;
  /** Prepares the files as they are now. @param nowMs the clock */
  readonly prepare: (over?: Partial<PrepareRequest>, nowMs?: () => number) => PrepareOutcome;
  /** What there is for the files as they are now. @param image, initrds other files than the usual ones */
  readonly find: (image?: string, initrds?: readonly string[]) => PreparedEntry | undefined;
}

/** The initramfs is to stay complete: what may be left out of one is another matter. */
const WISH = {
  release: '6.1.0-test',
  commandLine: 'root=/dev/vda1',
  runningCommandLine: read('root=/dev/vda1'),
  needs: undefined,
  untrimmedBecause: 'nobody asked',
  packing: 'none',
  memoryAvailableBytes: read(2n ** 32n, '/proc/meminfo'),
} as const;

/** The same with an initramfs that has modules to be trimmed of, and that is as large as one likes. */
export function initramfsWithModules(initBytes = 1): TreeFiles {
  const recipe = { release: WISH.release, modules: SOME_MODULES, files: { init: '#'.repeat(initBytes) } };
  return { 'boot/initrd.img': initramfsImage(recipe) };
}

/** @param over other files, or other content for `boot/vmlinuz` and `boot/initrd.img` */
export function buildBoot(over: TreeFiles = {}): PreparedBoot {
  const initramfs = encodeCpio([cpioFile('init', Buffer.from('#!/bin/sh\n'), 0o755)]);
  const tree = buildTree({ 'boot/vmlinuz': buildKernelImage(), 'boot/initrd.img': initramfs, ...over });
  const [image, initrd] = [join(tree.root, 'boot/vmlinuz'), join(tree.root, 'boot/initrd.img')];
  const cache = join(tree.root, 'cache');
  return {
    root: tree.root,
    image,
    initrd,
    cache,
    prepared: join(cache, 'prepared'),
    prepare: (request = {}, nowMs = () => 1000) =>
      prepareKernel(
        { cacheFolder: cache, nowMs },
        { ...WISH, image, initrds: [initrd], isForced: false, ...request },
      ),
    find: (kernel = image, initrds = [initrd]) =>
      findPrepared(cache, identifyFile(kernel), initrds.map(identifyFile), {
        variant: variantOf(WISH),
        needs: WISH.needs,
      }),
    [Symbol.dispose]: () => tree[Symbol.dispose](),
  };
}
