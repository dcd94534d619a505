/**
 * Which file systems are mounted where, with every name of their devices: boot loaders call them by one or another.
 * @module
 */
import { readMounts } from './mounts.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readLinkName, readNames } from './source.ts';
import { carrierOf } from './storage.ts';

/** One mounted file system that a block device carries. */
export interface MountedFileSystem {
  readonly mountPoint: string;
  /** `UUID=...`, `LABEL=...`, `PARTUUID=...`, `PARTLABEL=...`, `/dev/...`. */
  readonly names: readonly string[];
  /** btrfs: the subvolume that is mounted, e.g. `/@rootfs`; undefined for the top. */
  readonly subvolume: string | undefined;
}

/** Folders of /dev/disk, whose links udev makes. */
const KINDS = ['uuid', 'label', 'partuuid', 'partlabel'];

/** Oldest first. Folders that are mounted once more elsewhere are left out. */
export function readMountedFileSystems(root: string): Reading<readonly MountedFileSystem[]> {
  return mapReading(readMounts(root), (mounts) => {
    const names = readDeviceNames(root);
    return mounts.flatMap((mount): MountedFileSystem[] => {
      const device = carrierOf(root, mount);
      const isWhole = mount.folder === '/';
      if (device === undefined || !(isWhole || mount.fileSystem === 'btrfs')) return [];
      const paths = [mount.source, `/dev/${device}`].filter((path) => path.startsWith('/dev/'));
      return [
        {
          mountPoint: mount.mountPoint,
          names: [...(names.get(device) ?? []), ...new Set(paths)],
          subvolume: isWhole ? undefined : mount.folder,
        },
      ];
    });
  });
}

/** Name of the block device, e.g. `dm-0` -> what udev calls it. */
function readDeviceNames(root: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const kind of KINDS) {
    const folder = `/dev/disk/by-${kind}`;
    for (const name of valueOf(readNames(root, folder)) ?? []) {
      const device = valueOf(readLinkName(root, `${folder}/${name}`));
      if (device === undefined) continue;
      found.set(device, [...(found.get(device) ?? []), `${kind.toUpperCase()}=${unescapeName(name)}`]);
    }
  }
  return found;
}

/** udev writes what may not stand in a file name as `\\x20`. */
function unescapeName(name: string): string {
  return name.replace(/(?:\\x[0-9a-f]{2})+/gi, (escaped) =>
    Buffer.from(escaped.replaceAll('\\x', ''), 'hex').toString('utf8'),
  );
}
