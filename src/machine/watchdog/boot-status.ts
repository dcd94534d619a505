/**
 * Whether it was a watchdog that reset the machine. The flag is in the hardware, and the driver clears it as it starts:
 * only the first kernel after the reset knows.
 * @module
 */
import type { Reading } from '../reading.ts';
import { integerOf, mapReading, readNames, readText } from '../source.ts';
import { WDIOF_CARDRESET } from './calls.ts';
import { watchdogFile } from './open-watchdog.ts';

/** Absent where no driver is loaded that could tell. */
export function readBootStatus(root: string): Reading<boolean> {
  const folder = '/sys/class/watchdog';
  const names = readNames(root, folder);
  if (names.state !== 'read') return names;
  const each = names.value.map((name) =>
    mapReading(readText(root, watchdogFile(name, 'bootstatus')), integerOf),
  );
  const flags = each.flatMap((reading) => (reading.state === 'read' ? [reading.value] : []));
  if (flags.some((flag) => (flag & WDIOF_CARDRESET) !== 0))
    return { state: 'read', value: true, source: folder };
  const bad = each.find((reading) => reading.state === 'unreadable');
  if (bad !== undefined) return bad as Reading<never>;
  if (flags.length === 0) return { state: 'absent', source: folder };
  return { state: 'read', value: false, source: folder };
}
