/**
 * GRUB's device and path notation, mapped to paths of the system that is looked at.
 *
 * GRUB counts disks in the firmware's order, which cannot be known here. What `search` finds is therefore
 * kept as the name it was searched by: `(UUID=3f1b-...)/vmlinuz`; a file that was searched for, as the mount
 * point that has it: `(MOUNT=/boot)/vmlinuz`. Plain `(hd0,gpt2)` is looked for in the usual places.
 * @module
 */
import {
  type FileSystem,
  type Location,
  locateAnywhere,
  locateByName,
  locateOnMount,
} from '../file-systems.ts';
import { fileKind } from '../root-folder.ts';

/** The system whose files GRUB would see. */
export interface GrubDevices {
  readonly root: string;
  readonly fileSystems: readonly FileSystem[];
}

const NAMED = /^(?:UUID|LABEL|PARTUUID|PARTLABEL)=./;
/** Disks and what lies on them; anything else (loop, cd, tftp, memdisk ...) holds none of this system's files. */
const DISK = /^(?:$|(?:hd|ahci|ata|usb|nvme|ieee1275\/|lvmid\/|md|crypto|cryptouuid\/|mduuid\/|efidisk))/;

/** `path` with its device in front, `$root` where it names none. */
export function qualifyPath(path: string, rootDevice: string): string {
  if (path.startsWith('(')) return path;
  return `(${rootDevice})${path.startsWith('/') ? '' : '/'}${path}`;
}

/** Where a qualified path is. */
export function locateGrubPath(devices: GrubDevices, qualified: string): Location {
  const { root, fileSystems } = devices;
  const [, device = '', path = ''] = /^\(([^)]*)\)(.*)$/s.exec(qualified) ?? ['', '', qualified];
  if (!path.startsWith('/')) return { state: 'unreachable', reason: `${qualified} is no path of a file` };
  if (device.startsWith('MOUNT=')) return locateOnMount(root, device.slice('MOUNT='.length), path);
  if (NAMED.test(device)) return locateByName(root, fileSystems, device, path);
  if (device.startsWith('lvm/'))
    return locateByName(root, fileSystems, `/dev/mapper/${device.slice('lvm/'.length)}`, path);
  if (DISK.test(device)) return locateAnywhere(root, fileSystems, path);
  return {
    state: 'unreachable',
    reason: `${path} is on GRUB's device "${device}", which khop does not open`,
  };
}

/** The device that holds `path`, for `search --file`; undefined when no file system of this system does. */
export function searchFile(devices: GrubDevices, path: string): string | undefined {
  const places = ['/', '/boot', '/boot/efi', '/efi', ...devices.fileSystems.map((one) => one.mountPoint)];
  const holder = places.find((place) => fileKind(devices.root, `${place}/${path}`) !== 'absent');
  return holder === undefined ? undefined : `MOUNT=${holder}`;
}
