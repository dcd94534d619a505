/**
 * What an initramfs has to bring for this machine, as far as the running system tells.
 * @module
 */
import { type DeviceAlias, readDeviceAliases } from './device-aliases.ts';
import { readBlockDevices } from './devices.ts';
import { readMounts } from './mounts.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readText } from './source.ts';
import { readLoadedModules } from './system.ts';

/** Read by `readInitramfsNeeds`; it walks all of /sys/devices, so that it is not part of `MachineFacts`. */
export interface InitramfsNeeds {
  readonly devices: Reading<readonly DeviceAlias[]>;
  /** Names in /proc/modules. */
  readonly loadedModules: Reading<ReadonlySet<string>>;
  /** Types of what is mounted on `/` and `/usr`, every layer of it. */
  readonly fileSystems: Reading<ReadonlySet<string>>;
  /** Names under /sys/class/block, e.g. `vda1`, `md0`, `dm-0`. */
  readonly blockDevices: Reading<ReadonlySet<string>>;
  /** The uuids of all device-mapper devices: `LVM-...`, `CRYPT-LUKS2-...`, `mpath-...`. */
  readonly mappings: Reading<readonly string[]>;
}

/** What an initramfs mounts before it hands over. */
const MOUNT_POINTS = new Set(['/', '/usr']);

/** Never throws for a bad source: its reading says so. */
export function readInitramfsNeeds(root: string): InitramfsNeeds {
  const blockDevices = readBlockDevices(root);
  return {
    devices: readDeviceAliases(root),
    loadedModules: readLoadedModules(root),
    fileSystems: mapReading(readMounts(root), (mounts) => {
      const types = mounts.filter(({ mountPoint }) => MOUNT_POINTS.has(mountPoint));
      return types.length === 0 ? undefined : new Set(types.map(({ fileSystem }) => fileSystem));
    }),
    blockDevices,
    mappings: readMappings(root, blockDevices),
  };
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
