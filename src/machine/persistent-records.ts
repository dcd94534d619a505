/**
 * What dying kernels left in memory or variables that survive a reset: /sys/fs/pstore,
 * Documentation/ABI/testing/pstore. systemd-pstore.service takes them away from there, early in the boot.
 * @module
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Reading } from './reading.ts';

const FOLDER = '/sys/fs/pstore';

/** When each was made, realtime in ms: the time of its file. A kernel writes one in several parts. */
export function readPersistentRecordTimes(root: string): Reading<readonly number[]> {
  const folder = join(root, FOLDER);
  try {
    const value = readdirSync(folder)
      .filter((name) => name.startsWith('dmesg-'))
      .map((name) => statSync(join(folder, name)).mtimeMs);
    return { state: 'read', value, source: FOLDER };
  } catch (error) {
    const reason = String((error as NodeJS.ErrnoException).code ?? error);
    return reason === 'ENOENT'
      ? { state: 'absent', source: FOLDER }
      : { state: 'unreadable', source: FOLDER, reason };
  }
}
