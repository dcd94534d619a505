/**
 * Who has a watchdog open: it can be opened only once (Documentation/watchdog/watchdog-api.rst).
 * @module
 */
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { valueOf } from '../reading.ts';
import { readNames, readText } from '../source.ts';

/** Whether the process has `name` (`watchdog0`) open; undefined when that cannot be seen. */
export function holdsWatchdog(root: string, pid: number, name: string): boolean | undefined {
  const folder = `/proc/${pid}/fd`;
  const descriptors = valueOf(readNames(root, folder));
  if (descriptors === undefined) return undefined;
  // The first one has a second node with the old name.
  const nodes = name === 'watchdog0' ? [`/dev/${name}`, '/dev/watchdog'] : [`/dev/${name}`];
  return descriptors.some((descriptor) => nodes.includes(linkTarget(join(root, folder, descriptor))));
}

/** `watchdogd (process 512)`, of all processes that can be seen. */
export function findHolder(root: string, name: string): string | undefined {
  const pids = (valueOf(readNames(root, '/proc')) ?? []).filter((entry) => /^\d+$/.test(entry));
  const pid = pids.find((each) => holdsWatchdog(root, Number(each), name) === true);
  if (pid === undefined) return undefined;
  return `${valueOf(readText(root, `/proc/${pid}/comm`)) ?? 'a program'} (process ${pid})`;
}

/** Descriptors come and go while they are looked at. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
