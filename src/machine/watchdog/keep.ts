/**
 * Stopping a watchdog that counts.
 * @module
 */
import type { WatchdogCalls } from './calls.ts';
import { isCounting, OpenWatchdog, type WatchdogPlace } from './open-watchdog.ts';

/** Whether it stands still now. */
export type StopOutcome =
  | { readonly state: 'stopped' }
  /** It counts, or nothing tells that it does not: somebody has to pet it until the next reset. */
  | { readonly state: 'counting'; readonly reason: string };

/** @throws E_BUSY when somebody else has it open */
export function stopWatchdog(root: string, device: string, calls?: WatchdogCalls): StopOutcome {
  const place: WatchdogPlace = { root, device, calls };
  if (isCounting(place) === false) return { state: 'stopped' };
  new OpenWatchdog(place).closeToStop();
  switch (isCounting(place)) {
    case false:
      return { state: 'stopped' };
    case true:
      return { state: 'counting', reason: `${device} cannot be stopped before the next reset` };
    case undefined:
      return { state: 'counting', reason: `nothing tells whether ${device} has stopped` };
  }
}
