/**
 * A disk that starts under BIOS and under UEFI: GRUB in its first sectors and in an EFI system partition, the
 * root behind them. Made without loop devices.
 * @module
 */
import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../machine/run-process.ts';
import { writeExt4Image } from './ext4-image.ts';
import { encodeBootArea, type Partition, SECTOR } from './master-boot-record.ts';

const MIB = 1024 * 1024;
const ESP_MIB = 33;

/** The size of the root's partition. */
export const ROOT_MIB = 1400;

/** Fixed, so that grub.cfg and fstab can be written before the disk exists. */
export const DISK_IDENTITY = {
  ROOT_UUID: '6b686f70-1ab0-4d00-8f00-000000000001',
  ESP_UUID: '6B68-6F70',
  DISK_ID: '6b686f70',
} as const;

const PARTITIONS: readonly Partition[] = [
  { start: 2048, length: (ESP_MIB * MIB) / SECTOR, type: 0xef, isActive: false },
  {
    start: 2048 + (ESP_MIB * MIB) / SECTOR,
    length: (ROOT_MIB * MIB) / SECTOR,
    type: 0x83,
    isActive: true,
  },
];

/** Where the root file system begins on the disk. */
export const ROOT_OFFSET_BYTES = PARTITIONS[1]!.start * SECTOR;

/**
 * Partitions, boot code and file systems of `tree` as one sparse file.
 * @param tree the root; has GRUB's boot.img and core.img in boot/grub/i386-pc, core.efi in boot/grub/x86_64-efi
 */
export async function writeGrubDisk(tree: string, image: string): Promise<void> {
  const [esp, root] = PARTITIONS as readonly [Partition, Partition];
  await writeFile(image, '');
  await truncate(image, (root.start + root.length) * SECTOR);
  await writeExt4Image(tree, image, {
    label: 'khop-root',
    spareMib: 0,
    sizeMib: ROOT_MIB,
    offsetBytes: root.start * SECTOR,
    uuid: DISK_IDENTITY.ROOT_UUID,
    hasJournal: true,
  });
  await writeEfiPartition(tree, `${image}@@${esp.start * SECTOR}`);
  const grub = join(tree, 'boot', 'grub', 'i386-pc');
  const area = encodeBootArea(
    await readFile(join(grub, 'boot.img')),
    await readFile(join(grub, 'core.img')),
    Number.parseInt(DISK_IDENTITY.DISK_ID, 16),
    PARTITIONS,
  );
  const file = await open(image, 'r+');
  try {
    await file.write(area, 0, area.length, 0);
  } finally {
    await file.close();
  }
}

/** @param where image and offset in mtools' notation */
async function writeEfiPartition(tree: string, where: string): Promise<void> {
  const run = async (tool: string, args: readonly string[]): Promise<void> => {
    await runProcess(tool, args, { timeoutMs: 60_000, env: { ...process.env, MTOOLS_SKIP_CHECK: '1' } });
  };
  const serial = DISK_IDENTITY.ESP_UUID.replace('-', '');
  const sectors = String((ESP_MIB * MIB) / SECTOR);
  await run('mformat', [
    '-i',
    where,
    '-T',
    sectors,
    '-h',
    '255',
    '-s',
    '63',
    '-N',
    serial,
    '-v',
    'EFI',
    '::',
  ]);
  await run('mmd', ['-i', where, '::/EFI', '::/EFI/BOOT']);
  const loader = join(tree, 'boot', 'grub', 'x86_64-efi', 'core.efi');
  await run('mcopy', ['-i', where, loader, '::/EFI/BOOT/BOOTX64.EFI']);
}
