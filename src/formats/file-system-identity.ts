/**
 * Where a file system keeps its own UUID, by which it is found whatever its device is called.
 * @module
 */

/** Bytes at an offset from the start of the device. */
export interface SuperblockField {
  readonly offset: number;
  readonly length: number;
}

/** fs/ext4/ext4.h, s_uuid of the superblock at 1024. */
const EXT: SuperblockField = { offset: 1024 + 0x68, length: 16 };

const FIELDS: Readonly<Record<string, SuperblockField>> = {
  ext2: EXT,
  ext3: EXT,
  ext4: EXT,
  /** fs/xfs/libxfs/xfs_format.h, sb_uuid. */
  xfs: { offset: 32, length: 16 },
  /** include/uapi/linux/btrfs_tree.h, fsid of the superblock at 64 KiB. */
  btrfs: { offset: 0x1_0000 + 0x20, length: 16 },
  /** include/linux/f2fs_fs.h, uuid of the superblock at 1024. */
  f2fs: { offset: 1024 + 0x6c, length: 16 },
  /** FAT32: volume serial number and label behind it (fatgen103, BS_VolID). */
  vfat: { offset: 0x43, length: 15 },
};

/** Undefined for a file system that is not known. @param type as in /proc/self/mountinfo */
export function identityField(type: string): SuperblockField | undefined {
  return Object.hasOwn(FIELDS, type) ? FIELDS[type] : undefined;
}
