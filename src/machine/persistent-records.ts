/**
 * What dying kernels left in memory or variables that survive a reset: /sys/fs/pstore,
 * Documentation/ABI/testing/pstore. systemd-pstore.service moves it from there to its archive, early in the boot that
 * finds it, so a file of the archive has the time of that boot.
 * @module
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Reading } from './reading.ts';

const FOLDERS = ['/sys/fs/pstore', '/var/lib/systemd/pstore'] as const;

/** When each was made or found, realtime in ms. A kernel writes one in several parts. */
export function readPersistentRecordTimes(root: string): Reading<readonly number[]> {
  const readings = FOLDERS.map((folder) => readFolder(root, folder));
  const times = readings.flatMap((reading) => (reading.state === 'read' ? reading.value : []));
  const source = FOLDERS.join(' and ');
  const unreadable = readings.find((reading) => reading.state === 'unreadable');
  if (times.length === 0 && unreadable !== undefined) return unreadable;
  return readings.some(({ state }) => state === 'read')
    ? { state: 'read', value: times, source }
    : { state: 'absent', source };
}

function readFolder(root: string, source: string): Reading<readonly number[]> {
  const folder = join(root, source);
  try {
    const value = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.startsWith('dmesg'))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
    return { state: 'read', value, source };
  } catch (error) {
    const reason = String((error as NodeJS.ErrnoException).code ?? error);
    return reason === 'ENOENT' ? { state: 'absent', source } : { state: 'unreadable', source, reason };
  }
}
