/**
 * What the known-good kernel is told of the trial's watchdog, for the way home past the firmware: docs/decisions/watchdog-over-jump.md.
 * @module
 */
import { WATCHDOG_DRIVERS } from './watchdog-drivers.ts';

/** From when its driver is loaded until `khop arrive` sees to it: file systems are checked in between. */
const HOME_SECONDS = 300;

/**
 * For its command line, in this one start: the driver of one that counts on arms it anew there, by default for half a minute.
 * @param driver name of its module; null: there is no watchdog
 */
export function watchdogArgumentsAtHome(driver: string | null): readonly string[] {
  const row = WATCHDOG_DRIVERS.find(({ module }) => module === driver);
  if (row?.atProbe !== 'armed-anew' || row.secondsParameter === null) return [];
  return [`${row.module}.${row.secondsParameter}=${Math.min(HOME_SECONDS, row.mostSeconds ?? HOME_SECONDS)}`];
}
