/**
 * What carries a file system: block devices, their drivers and modules.
 * @module
 */
import { realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { driverModule } from './driver-module.ts';
import type { RootStorage } from './facts.ts';
import type { MountInfo } from './mounts.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readLinkName, readNames } from './source.ts';

/** Follows /sys/class/block from the source of `/` down to disks. */
export function readRootStorage(root: string, mounts: Reading<readonly MountInfo[]>): Reading<RootStorage> {
  return mapReading(mounts, (all) => {
    const mount = all.findLast((each) => each.mountPoint === '/');
    return mount === undefined ? undefined : storageOf(root, mount);
  });
}

/** Follows /sys/class/block from the source of a mount down to disks. */
export function storageOf(root: string, mount: MountInfo): RootStorage {
  const top = carrierOf(root, mount);
  const blockDevices = top === undefined ? [] : followDown(root, top);
  const paths = blockDevices
    .map((name) => sysfsPath(root, `/sys/class/block/${name}`))
    .filter((path) => path !== undefined);
  // NVMe over fabrics and NVMe multipath are virtual too, and tell how the disk is reached.
  const disks = paths.filter((path) => !path.includes('/virtual/block/'));
  const bound = disks.flatMap((path) => driversAbove(root, path));
  return {
    blockDevices,
    drivers: [...new Set(bound.map((each) => each.driver))],
    modules: [...new Set(bound.flatMap((each) => each.module ?? []))],
    devicePaths: [...new Set(disks)],
  };
}

/**
 * Modules of the drivers of one device, e.g. `/sys/class/net/eth0`; undefined when it is not there or has no hardware
 * of its own.
 */
export function modulesOfDevice(root: string, link: string): readonly string[] | undefined {
  const path = sysfsPath(root, link);
  if (path === undefined || path.startsWith('/sys/devices/virtual/')) return undefined;
  return [...new Set(driversAbove(root, path).flatMap(({ module }) => module ?? []))];
}

/**
 * The block device a file system lies on. Its number is asked first: a kernel that mounted its root without
 * an initrd calls the source /dev/root, which does not exist. btrfs has a number of its own, but a true source.
 */
export function carrierOf(root: string, mount: MountInfo): string | undefined {
  const byNumber = readLinkName(root, `/sys/dev/block/${mount.device}`);
  if (byNumber.state === 'read') return byNumber.value;
  if (!mount.source.startsWith('/dev/')) return undefined;
  // /dev/mapper/root is a link to ../dm-0.
  return valueOf(readLinkName(root, mount.source)) ?? basename(mount.source);
}

function followDown(root: string, top: string): string[] {
  const found: string[] = [];
  const pending = [top];
  while (pending.length > 0 && found.length < 64) {
    const name = pending.shift()!;
    if (found.includes(name)) continue;
    found.push(name);
    pending.push(...(valueOf(readNames(root, `/sys/class/block/${name}/slaves`)) ?? []));
    const path = sysfsPath(root, `/sys/class/block/${name}`);
    const parent = path === undefined ? undefined : basename(join(path, '..'));
    if (parent !== undefined && readNames(root, `/sys/class/block/${parent}`).state === 'read')
      pending.push(parent);
  }
  return found;
}

/** The path below /sys without the root, or undefined when it is not there. */
function sysfsPath(root: string, path: string): string | undefined {
  try {
    const base = realpathSync(root);
    const found = realpathSync(join(root, path));
    return base === '/' ? found : found.slice(base.length);
  } catch {
    return undefined;
  }
}

function driversAbove(root: string, path: string): { driver: string; module: string | undefined }[] {
  const bound: { driver: string; module: string | undefined }[] = [];
  for (let folder = path; folder.startsWith('/sys/devices/'); folder = join(folder, '..')) {
    const driver = valueOf(readLinkName(root, `${folder}/driver`));
    if (driver === undefined) continue;
    bound.push({ driver, module: driverModule(root, folder) });
  }
  return bound;
}
