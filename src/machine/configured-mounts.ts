/**
 * The file systems that the system mounts by itself: `/`, and what /etc/fstab asks for. What a person or a
 * container mounted is not there after a start, whatever the kernel.
 * @module
 */
import { type MountInfo, readMounts } from './mounts.ts';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, mapReading, readLinkName, readNames, readText } from './source.ts';
import { storageOf } from './storage.ts';

export interface ConfiguredMount {
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** `UUID=...`, or `server:/folder`; null where neither tells it from another one. */
  readonly identity: string | null;
  readonly isWritable: boolean;
  /** ext4 and others say so after an error; the file system stays as it is until it is mounted anew. */
  readonly hasFailed: boolean;
}

/** Those of them that are mounted, by mount point. Unreadable, too, where there is an fstab that cannot be read. */
export function readConfiguredMounts(root: string): Reading<readonly ConfiguredMount[]> {
  const fstab = mapReading(readText(root, '/etc/fstab'), mountPointsOf);
  if (fstab.state === 'unreadable') return fstab;
  const asked = new Set(['/', ...(valueOf(fstab) ?? [])]);
  return mapReading(readMounts(root), (mounts) => {
    // The last one on a mount point hides the others.
    const visible = new Map(mounts.map((mount) => [mount.mountPoint, mount]));
    const found = [...visible.values()].filter(({ mountPoint }) => asked.has(mountPoint));
    const uuids = readUuids(root);
    return found
      .map((mount) => describe(root, mount, uuids))
      .sort((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1));
  });
}

/** fstab(5), without what is mounted only on demand. */
function mountPointsOf(fstab: string): string[] {
  return linesOf(fstab).flatMap((line) => {
    const [device = '#', mountPoint = '', , options = ''] = line.trim().split(/\s+/);
    const isDemanded = /(?:^|,)(?:noauto|x-systemd\.automount)(?:,|$)/.test(options);
    if (device.startsWith('#') || !mountPoint.startsWith('/') || isDemanded) return [];
    const path = mountPoint.replaceAll(/\\(\d{3})/g, (_all, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [path.replace(/(.)\/+$/, '$1')];
  });
}

function describe(root: string, mount: MountInfo, uuids: ReadonlyMap<string, string>): ConfiguredMount {
  const [device] = storageOf(root, mount).blockDevices;
  const uuid = device === undefined ? undefined : uuids.get(device);
  const isElsewhere = mount.source.includes(':');
  return {
    mountPoint: mount.mountPoint,
    fileSystem: mount.fileSystem,
    identity: uuid !== undefined ? `UUID=${uuid}` : isElsewhere ? mount.source : null,
    isWritable: !mount.options.includes('ro'),
    hasFailed: mount.superOptions.some((option) => option === 'emergency_ro' || option === 'shutdown'),
  };
}

/** Name of the block device -> UUID of its file system, as udev found it. */
function readUuids(root: string): ReadonlyMap<string, string> {
  const folder = '/dev/disk/by-uuid';
  const names = valueOf(readNames(root, folder)) ?? [];
  return new Map(
    names.flatMap((uuid) => {
      const device = valueOf(readLinkName(root, `${folder}/${uuid}`));
      return device === undefined ? [] : [[device, uuid] as const];
    }),
  );
}
