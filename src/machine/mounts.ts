/**
 * Mounted file systems, and what carries the root file system.
 * @module
 */
import { realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { KhopError } from '../error.ts';
import type { Mount, RootStorage } from './facts.ts';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, mapReading, readLinkName, readNames, readText } from './source.ts';

/** A mount with what only its file system knows. */
export interface MountInfo extends Mount {
  /** `254:1`, st_dev of the files; major 0 where no one block device carries the file system. */
  readonly device: string;
  /** Options of the file system itself; `rw` here means that it can be written through some mount. */
  readonly superOptions: readonly string[];
  /** Whether it is of this process's own mount namespace, so that its path means the same to us. */
  readonly isOurs: boolean;
}

/** The mounts of this process's namespace, oldest first. */
export function readMounts(root: string): Reading<readonly MountInfo[]> {
  return mapReading(readText(root, '/proc/self/mountinfo'), parseMountInfo);
}

/**
 * The mounts of every mount namespace, our own first: services and containers have file systems that we do not.
 * @throws E_UNREADABLE when our own cannot be read
 */
export function readAllMounts(): readonly MountInfo[] {
  const own = readMounts('/');
  if (own.state !== 'read')
    throw new KhopError('E_UNREADABLE', `${own.source} cannot be read, so nothing is known of file systems`, {
      hint: 'Check that /proc is mounted.',
    });
  const seen = new Set([valueOf(readLinkName('/', '/proc/self/ns/mnt'))]);
  const mounts = [...own.value];
  for (const pid of (valueOf(readNames('/', '/proc')) ?? []).filter((name) => /^\d+$/.test(name))) {
    const namespace = valueOf(readLinkName('/', `/proc/${pid}/ns/mnt`));
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    const theirs = mapReading(readText('/', `/proc/${pid}/mountinfo`), parseMountInfo);
    for (const mount of valueOf(theirs) ?? []) mounts.push({ ...mount, isOurs: false });
  }
  return mounts;
}

/** /proc/PID/mountinfo: Documentation/filesystems/proc.rst, 3.5. Undefined when a line is not one. */
export function parseMountInfo(text: string): readonly MountInfo[] | undefined {
  const mounts = linesOf(text).map(parseMount);
  return mounts.every((mount) => mount !== undefined) ? mounts : undefined;
}

function parseMount(line: string): MountInfo | undefined {
  const [left, right] = line.split(' - ');
  const [, , device, , mountPoint, options] = left?.split(' ') ?? [];
  const [fileSystem, source, superOptions] = right?.split(' ') ?? [];
  if (device === undefined || mountPoint === undefined || options === undefined) return undefined;
  if (fileSystem === undefined || source === undefined || superOptions === undefined) return undefined;
  return {
    mountPoint: unescapeMount(mountPoint),
    fileSystem,
    source: unescapeMount(source),
    options: [...options.split(','), ...superOptions.split(',')],
    device,
    superOptions: superOptions.split(','),
    isOurs: true,
  };
}

/** Spaces, tabs, line feeds and backslashes are octal. */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_all, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Follows /sys/class/block from the source of `/` down to disks. */
export function readRootStorage(root: string, mounts: Reading<readonly MountInfo[]>): Reading<RootStorage> {
  return mapReading(mounts, (all) => {
    const mount = all.findLast((each) => each.mountPoint === '/');
    if (mount === undefined) return undefined;
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
  });
}

/**
 * The block device a file system lies on. Its number is asked first: a kernel that mounted its root without
 * an initrd calls the source /dev/root, which does not exist. btrfs has a number of its own, but a true source.
 */
function carrierOf(root: string, mount: MountInfo): string | undefined {
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
    bound.push({ driver, module: valueOf(readLinkName(root, `${folder}/driver/module`)) });
  }
  return bound;
}
