/**
 * What an initramfs has to bring for this machine, as far as the running system tells.
 * @module
 */
import { type DeviceAlias, readDeviceAliases } from './device-aliases.ts';
import { readBlockDevices } from './devices.ts';
import type { Mount } from './facts.ts';
import { readMounts } from './mounts.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readText } from './source.ts';
import { readLoadedModules } from './system.ts';

/** Read by `readInitramfsNeeds`; it walks all of /sys/devices, so that it is not part of `MachineFacts`. */
export interface InitramfsNeeds {
  readonly devices: Reading<readonly DeviceAlias[]>;
  /** Names in /proc/modules. */
  readonly loadedModules: Reading<ReadonlySet<string>>;
  /** Types of what is mounted on `/` and `/usr`; where `/` is laid over others (overlay), of all mounts. */
  readonly fileSystems: Reading<ReadonlySet<string>>;
  /** Names under /sys/class/block, e.g. `vda1`, `md0`, `dm-0`. */
  readonly blockDevices: Reading<ReadonlySet<string>>;
  /** The uuids of all device-mapper devices: `LVM-...`, `CRYPT-LUKS2-...`, `mpath-...`. */
  readonly mappings: Reading<readonly string[]>;
}

/** What an initramfs mounts before it hands over. */
const MOUNT_POINTS = new Set(['/', '/usr']);
/** File systems that lie over others, which the initramfs mounts as well, somewhere. */
const LAID_OVER_OTHERS = new Set(['overlay', 'aufs', 'mergerfs']);

/** Never throws for a bad source: its reading says so. */
export function readInitramfsNeeds(root: string): InitramfsNeeds {
  const blockDevices = readBlockDevices(root);
  return {
    devices: readDeviceAliases(root),
    loadedModules: readLoadedModules(root),
    fileSystems: mapReading(readMounts(root), fileSystemsOf),
    blockDevices,
    mappings: readMappings(root, blockDevices),
  };
}

/** Undefined when nothing is mounted on `/`. */
function fileSystemsOf(mounts: readonly Mount[]): ReadonlySet<string> | undefined {
  const own = mounts.filter(({ mountPoint }) => MOUNT_POINTS.has(mountPoint));
  if (own.length === 0) return undefined;
  const isLayered = own.some(({ fileSystem }) => LAID_OVER_OTHERS.has(fileSystem));
  return new Set((isLayered ? mounts : own).map(({ fileSystem }) => fileSystem));
}

function readMappings(root: string, blockDevices: Reading<ReadonlySet<string>>): Reading<readonly string[]> {
  const source = '/sys/class/block/dm-*/dm/uuid';
  const uuids: string[] = [];
  for (const name of valueOf(blockDevices) ?? []) {
    const uuid = readText(root, `/sys/class/block/${name}/dm/uuid`);
    if (uuid.state === 'unreadable') return uuid;
    if (uuid.state === 'read') uuids.push(uuid.value);
  }
  return blockDevices.state === 'read' ? { state: 'read', value: uuids, source } : blockDevices;
}
