/**
 * Whether the file system of a machine that was switched off is in order.
 * @module
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../../../src/machine/run-process.ts';

const TIMEOUT = { timeoutMs: 60_000 };

/** What e2fsck finds in an image that nobody uses; undefined: nothing. */
export async function findDamage(
  image: string,
  folder: string,
  offsetBytes = 0,
): Promise<string | undefined> {
  const raw = join(folder, 'checked.img');
  await runProcess('qemu-img', ['convert', '-O', 'raw', image, raw], TIMEOUT);
  try {
    const { exitCode, stdout } = await runProcess('e2fsck', ['-f', '-n', `${raw}?offset=${offsetBytes}`], {
      ...TIMEOUT,
      acceptExitCodes: 'any',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
    return exitCode === 0 ? undefined : stdout.trim().split('\n').slice(0, 4).join('; ');
  } finally {
    await rm(raw);
  }
}
