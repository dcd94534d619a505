/**
 * Does what the command line calls a device exist on this machine?
 * @module
 */
import type { MachineFacts } from '../../machine/facts.ts';
import { valueOf } from '../../machine/reading.ts';
import { commandLineValue } from '../command-line.ts';
import { evidenceOf } from './result.ts';

/** What could be found out about one device name, and where it was looked up. */
export interface DeviceLookup {
  readonly state: 'found' | 'missing' | 'unknown';
  readonly evidence: string;
}

const TAGS: Record<string, string> = {
  'by-uuid': 'UUID',
  'by-partuuid': 'PARTUUID',
  'by-label': 'LABEL',
  'by-partlabel': 'PARTLABEL',
};

/** `/dev/disk/by-uuid/X` -> `UUID=X`; a quoted value and PARTUUID's `/PARTNROFF=` lose their extras. */
function tagOf(name: string): string | undefined {
  const byPath = /^\/dev\/disk\/(by-[a-z]+)\/(.+)$/.exec(name);
  const tag = byPath === null ? undefined : TAGS[byPath[1] as string];
  if (tag !== undefined) return `${tag}=${(byPath as RegExpExecArray)[2]}`;
  const match = /^(UUID|PARTUUID|LABEL|PARTLABEL)=(.+)$/i.exec(name);
  if (match === null) return undefined;
  const value = (match[2] as string).replaceAll('"', '').replace(/\/PARTNROFF=.*$/, '');
  return `${(match[1] as string).toUpperCase()}=${value}`;
}

/** UUIDs compare without case: blkid prints what is in the superblock, people write what they like. */
function lookUpTag(machine: MachineFacts, tag: string): DeviceLookup {
  const { diskNames } = machine;
  if (diskNames.state !== 'read') return { state: 'unknown', evidence: evidenceOf(diskNames) };
  const hasCase = tag.startsWith('LABEL') || tag.startsWith('PARTLABEL');
  const wanted = hasCase ? tag : tag.toLowerCase();
  const isThere = [...diskNames.value].some((name) => (hasCase ? name : name.toLowerCase()) === wanted);
  const evidence = `${diskNames.source}: ${isThere ? tag : `no ${tag} among ${diskNames.value.size} names`}`;
  return { state: isThere ? 'found' : 'missing', evidence };
}

/** `/dev/VG/LV` and `/dev/mapper/VG-LV` are one device; dashes within the names are doubled in the latter. */
export function canonicalDevice(name: string): string {
  const lvm = /^\/dev\/(?!mapper\/|disk\/|md\/|block\/)([^/]+)\/([^/]+)$/.exec(name);
  if (lvm === null) return name;
  const double = (part: string) => part.replaceAll('-', '--');
  return `/dev/mapper/${double(lvm[1] as string)}-${double(lvm[2] as string)}`;
}

/** File systems of `/` that an initramfs has made or fetched, where no disk is what it looked for. */
const ROOTS_OF_NO_DISK = new Set([
  ...['rootfs', 'ramfs', 'tmpfs', 'overlay', 'aufs', 'squashfs', 'erofs', 'iso9660'],
  ...['nfs', 'nfs4', 'cifs', '9p', 'virtiofs'],
]);

/**
 * Whether two starts have the same root: only then does what is known of the running root hold for the new one. Without
 * root= an initramfs looks for it, and two find the same when it is a disk's: systemd-gpt-auto-generator(8). A system
 * that was started from the network or a medium has another one than what is installed.
 * @param running the running command line; undefined when it cannot be read
 * @param next the new one
 * @param rootTypes what is mounted on `/`, and maybe more; undefined when it cannot be read
 */
export function isSameRoot(
  running: string | undefined,
  next: string,
  rootTypes: ReadonlySet<string> | undefined,
): boolean {
  if (running === undefined) return false;
  const [before, after] = [commandLineValue(running, 'root'), commandLineValue(next, 'root')];
  if (before !== undefined && after !== undefined) return canonicalDevice(before) === canonicalDevice(after);
  if (before !== after || rootTypes === undefined) return false;
  return [...rootTypes].every((type) => !ROOTS_OF_NO_DISK.has(type));
}

function lookUpMapped(machine: MachineFacts, name: string): DeviceLookup {
  const { mounts } = machine;
  if (mounts.state !== 'read') return { state: 'unknown', evidence: evidenceOf(mounts) };
  const isMounted = mounts.value.some((mount) => canonicalDevice(mount.source) === name);
  return {
    state: isMounted ? 'found' : 'unknown',
    evidence: `${mounts.source}: ${name} ${isMounted ? 'is mounted' : 'is not mounted'}`,
  };
}

/** Looks `name` up as root= and resume= write it. What only an initrd understands stays `unknown`. */
export function lookUpDevice(machine: MachineFacts, name: string): DeviceLookup {
  const tag = tagOf(name);
  if (tag !== undefined) return lookUpTag(machine, tag);
  const device = canonicalDevice(name);
  if (device.startsWith('/dev/mapper/')) return lookUpMapped(machine, device);
  const plain = /^\/dev\/([^/]+)$/.exec(device)?.[1];
  const isVirtual = plain === undefined || plain === 'nfs' || plain === 'root' || plain === 'cifs';
  if (isVirtual) return { state: 'unknown', evidence: `new command line: ${name} is resolved by the initrd` };
  const { blockDevices } = machine;
  if (blockDevices.state !== 'read') return { state: 'unknown', evidence: evidenceOf(blockDevices) };
  const isThere = blockDevices.value.has(plain);
  return {
    state: isThere ? 'found' : 'missing',
    evidence: `${blockDevices.source}: ${isThere ? plain : `no ${plain} among ${blockDevices.value.size} devices`}`,
  };
}

/** Mount of `/`, the last one where several lie over each other. */
export function rootMountOf(machine: MachineFacts) {
  return valueOf(machine.mounts)?.findLast((mount) => mount.mountPoint === '/');
}
