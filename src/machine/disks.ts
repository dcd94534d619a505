/**
 * The disks that have hardware of their own, by what stays the same when another kernel names them differently.
 * Specification: Documentation/ABI/stable/sysfs-block, drivers/scsi/scsi_sysfs.c, drivers/nvme/host/sysfs.c.
 * @module
 */
import { type Reading, valueOf } from './reading.ts';
import { integerOf, mapReading, readBytes, readNames, readText } from './source.ts';

export interface Disk {
  /** Of this kernel, e.g. `sda`. */
  readonly name: string;
  /** What its maker or the machine's owner called it; none where nobody did. */
  readonly ids: readonly string[];
  readonly model: string | null;
  readonly bytes: number;
}

/** Which of them there is depends on the driver. */
const IDS = ['wwid', 'device/wwid', 'uuid', 'serial', 'device/serial', 'device/cid'];
const SECTOR = 512;

/** Without disks that can be taken out, empty drives, and what the kernel makes of other disks or of memory. */
export function readDisks(root: string): Reading<readonly Disk[]> {
  return mapReading(readNames(root, '/sys/block'), (names) => names.flatMap((name) => readDisk(root, name)));
}

function readDisk(root: string, name: string): Disk[] {
  const folder = `/sys/block/${name}`;
  const text = (file: string) => valueOf(readText(root, `${folder}/${file}`)) || undefined;
  const sectors = integerOf(text('size') ?? '') ?? 0;
  const isHardware = readNames(root, `${folder}/device`).state === 'read';
  if (!isHardware || sectors === 0 || text('removable') === '1') return [];
  const ids = [...IDS.flatMap((file) => text(file) ?? []), ...unitSerialNumber(root, folder)];
  return [{ name, ids: [...new Set(ids)], model: text('device/model') ?? null, bytes: sectors * SECTOR }];
}

/**
 * SPC-4, 7.8.15: four bytes of header, then text. SCSI's wwid is the designator that a kernel likes best, and kernels
 * have changed their minds.
 */
function unitSerialNumber(root: string, folder: string): string[] {
  const page = valueOf(readBytes(root, `${folder}/device/vpd_pg80`));
  const text = Buffer.from(page ?? [])
    .toString('latin1', 4)
    .replaceAll(/[^!-~]/g, '');
  return text === '' ? [] : [text];
}
