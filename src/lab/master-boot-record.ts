/**
 * The first sectors of a BIOS disk: GRUB's boot code, the partition table, and GRUB's core image in the gap
 * before the first partition.
 * Offsets: grub-core/boot/i386/pc/boot.S and diskboot.S, include/grub/i386/pc/boot.h.
 * @module
 */
import { KhopError } from '../error.ts';

export const SECTOR = 512;
const CODE_END = 0x1b8;
const DISK_ID = 0x1b8;
const TABLE = 0x1be;
const SIGNATURE = 0x1fe;

/** One primary partition, in sectors. */
export interface Partition {
  readonly start: number;
  readonly length: number;
  /** 0xef EFI system, 0x83 Linux. */
  readonly type: number;
  readonly isActive: boolean;
}

/**
 * The bytes from sector 0 on. GRUB's boot code looks for the core image at sector 1, and the core image for
 * the rest of itself at sector 2: the defaults of both, so neither needs to be changed.
 * @throws E_LAB when the core image does not fit before the first partition
 */
export function encodeBootArea(
  bootCode: Uint8Array,
  core: Uint8Array,
  diskId: number,
  partitions: readonly Partition[],
): Uint8Array {
  const gap = Math.min(...partitions.map(({ start }) => start));
  if (SECTOR + core.length > gap * SECTOR)
    throw new KhopError('E_LAB', `GRUB's core image has ${core.length} bytes and does not fit into the gap`, {
      hint: 'Start the first partition later.',
    });
  const area = Buffer.alloc(SECTOR + Math.ceil(core.length / SECTOR) * SECTOR);
  area.set(bootCode.subarray(0, CODE_END), 0);
  area.writeUInt32LE(diskId, DISK_ID);
  for (const [index, partition] of partitions.entries()) {
    const at = TABLE + index * 16;
    area.writeUInt8(partition.isActive ? 0x80 : 0, at);
    // Cylinder, head and sector beyond what they can say: only the 32-bit numbers below count.
    area.set([0xfe, 0xff, 0xff], at + 1);
    area.writeUInt8(partition.type, at + 4);
    area.set([0xfe, 0xff, 0xff], at + 5);
    area.writeUInt32LE(partition.start, at + 8);
    area.writeUInt32LE(partition.length, at + 12);
  }
  area.writeUInt16LE(0xaa55, SIGNATURE);
  area.set(core, SECTOR);
  return area;
}
