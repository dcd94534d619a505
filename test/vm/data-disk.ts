/**
 * A disk with a journal that outlives every kernel of a small machine: an unclean end shows as a recovery at the next
 * mount.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeExt4Image } from '../../src/lab/ext4-image.ts';

/** Gives `work` the empty disk, to be plugged in with the serial `data`. */
export async function withDataDisk(work: (disk: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'khop-data-disk-'));
  try {
    const image = join(folder, 'data.img');
    const empty = await mkdtemp(join(folder, 'tree-'));
    await writeExt4Image(empty, image, { label: 'data', spareMib: 0, sizeMib: 32, hasJournal: true });
    await work(image);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Mounts it on /data: a script for the guest, after every start of a kernel. */
export const MOUNT_DATA = [
  'mkdir -p /data',
  'for entry in /sys/block/vd*; do [ "$(cat $entry/serial)" = data ] && mount -t ext4 /dev/$(basename $entry) /data; done',
  'grep -q " /data " /proc/mounts',
].join('\n');
