/**
 * Removing a folder that something was built in. Builders mount /proc, /sys and devices of this machine into the trees
 * that they make, and one that is killed leaves them there.
 * @module
 */
import { rm } from 'node:fs/promises';
import { readMounts } from '../machine/mounts.ts';
import { valueOf } from '../machine/reading.ts';
import { runProcess } from '../machine/run-process.ts';

const UNMOUNT_TIMEOUT_MS = 10_000;

/** Removes `folder`, unless something stays mounted in it or that cannot be known: then all of it stays. */
export async function removeBuild(folder: string): Promise<void> {
  for (const path of (mountsIn(folder) ?? []).reverse())
    await runProcess('umount', ['--lazy', path], { timeoutMs: UNMOUNT_TIMEOUT_MS }).catch(() => {});
  if (mountsIn(folder)?.length === 0) await rm(folder, { recursive: true, force: true });
}

/** Oldest first; undefined when they cannot be read. */
function mountsIn(folder: string): string[] | undefined {
  return valueOf(readMounts('/'))
    ?.map(({ mountPoint }) => mountPoint)
    .filter((path) => path === folder || path.startsWith(`${folder}/`));
}
