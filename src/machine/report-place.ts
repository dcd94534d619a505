/**
 * Where a folder really lies: its file system, how that is told from others, and what its device needs. For a
 * kernel that has nothing mounted and to which devices have other names.
 * @module
 */
import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { identityField } from '../formats/file-system-identity.ts';
import { type MountInfo, readMounts } from './mounts.ts';
import type { Reading } from './reading.ts';
import { readDeviceBytes, readLinkName, readNames } from './source.ts';
import { storageOf } from './storage.ts';

/** A folder as a kernel without mounts can reach it. */
export interface ReportPlace {
  /** As mount(2) takes it. */
  readonly fileSystem: string;
  /** Options for mount(2) that make `folder` right. */
  readonly options: string;
  /** The file system's own UUID in its superblock. */
  readonly identity: { readonly offset: number; readonly bytes: Uint8Array };
  /** From the top of the file system, without a slash in front. */
  readonly folder: string;
  /** As the running kernel calls it. */
  readonly device: string;
  /** Modules of the drivers of its disks; what is built in is not among them. */
  readonly modules: readonly string[];
}

/** Carriers that need programs of user space to come up. */
const ASSEMBLED = /^(dm-|md|drbd|rbd|nbd|bcache)/;

/** Unreadable with the reason when a bare kernel could not reach it. @param path absolute */
export function readReportPlace(root: string, path: string): Reading<ReportPlace> {
  const mounts = readMounts(root);
  if (mounts.state !== 'read') return mounts;
  const source = path;
  const refuse = (reason: string): Reading<ReportPlace> => ({ state: 'unreadable', source, reason });
  const real = withoutLinks(root, path);
  if (real.state !== 'read') return real;
  const mount = mountOf(mounts.value, real.value);
  if (mount === undefined) return refuse('no file system is mounted there');
  const field = identityField(mount.fileSystem);
  if (field === undefined) return refuse(`${mount.fileSystem} has no UUID that khop knows`);
  const storage = storageOf(root, mount);
  const top = storage.blockDevices[0];
  if (top === undefined) return refuse(`no block device carries ${mount.mountPoint}`);
  const assembled = storage.blockDevices.find((name) => ASSEMBLED.test(name));
  if (assembled !== undefined) return refuse(`${assembled} comes up only with programs of user space`);
  const identity = readDeviceBytes(root, `/dev/${top}`, field.offset, field.length);
  if (identity.state !== 'read') return identity;
  if (mount.fileSystem === 'btrfs') {
    const disks = readNames(root, `/sys/fs/btrfs/${printUuid(identity.value)}/devices`);
    if (disks.state !== 'read') return refuse(`how many disks ${mount.mountPoint} lies on cannot be read`);
    // Who mounts it by one of them has to have told the kernel of the others before: `btrfs device scan`.
    if (disks.value.length !== 1) return refuse(`it lies on several disks: ${disks.value.join(', ')}`);
  }
  const inside = real.value.slice(mount.mountPoint === '/' ? 0 : mount.mountPoint.length);
  return {
    state: 'read',
    source,
    value: {
      fileSystem: mount.fileSystem,
      // The folder of a btrfs mount is counted from the top of all subvolumes.
      options: mount.fileSystem === 'btrfs' ? 'subvolid=5' : '',
      identity: { offset: field.offset, bytes: identity.value },
      folder: `${mount.folder}/${inside}`
        .split('/')
        .filter((part) => part !== '')
        .join('/'),
      device: `/dev/${top}`,
      modules: storage.modules,
    },
  };
}

/**
 * Where the file system with this UUID is mounted: the place that shows most of it, of equals the one that was mounted
 * last; empty for `/`. What systemd binds for PrivateTmp= is mounted later than all others, and goes with its service.
 */
export function findMount(root: string, uuid: string): Reading<string> {
  const source = `/dev/disk/by-uuid/${uuid}`;
  const name = readLinkName(root, source);
  const mounts = readMounts(root);
  if (name.state !== 'read') return name;
  if (mounts.state !== 'read') return mounts;
  const places = mounts.value.filter((each) => storageOf(root, each).blockDevices[0] === name.value);
  const highest = Math.min(...places.map(({ folder }) => folder.length));
  const mount = places.findLast(({ folder }) => folder.length === highest);
  return mount === undefined
    ? { state: 'unreadable', source, reason: `/dev/${name.value} is not mounted` }
    : { state: 'read', source, value: mount.mountPoint === '/' ? '' : mount.mountPoint };
}

/**
 * The path of a folder that need not be there, without symbolic links: the kernel that has nothing but this file system
 * mounted would follow them within its initramfs.
 */
function withoutLinks(root: string, path: string): Reading<string> {
  const unreadable = (reason: string): Reading<string> => ({ state: 'unreadable', source: path, reason });
  let there = path;
  for (let rest = ''; ; rest = join(basename(there), rest), there = dirname(there)) {
    try {
      const [base, found] = [realpathSync(root), realpathSync(join(root, there))];
      if (base !== '/' && found !== base && !found.startsWith(`${base}/`))
        return unreadable('it lies elsewhere');
      const value = join('/', base === '/' ? found : found.slice(base.length), rest);
      return { state: 'read', source: path, value };
    } catch (error) {
      const { code = String(error) } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || there === '/') return unreadable(code);
      if (lstatSync(join(root, there), { throwIfNoEntry: false }) !== undefined)
        return unreadable(`${there} is a link to nowhere`);
    }
  }
}

function printUuid(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The mount in which a path lies: the longest, and of equals the one that was mounted last. */
function mountOf(mounts: readonly MountInfo[], path: string): MountInfo | undefined {
  const holding = mounts.filter(
    ({ mountPoint }) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`),
  );
  const longest = Math.max(0, ...holding.map(({ mountPoint }) => mountPoint.length));
  return holding.findLast(({ mountPoint }) => mountPoint.length === longest);
}
