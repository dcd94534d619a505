/**
 * A watchdog that counts: petting it, and stopping it.
 * @module
 */
import type { WatchdogCalls } from './calls.ts';
import { isCounting, OpenWatchdog, type WatchdogPlace } from './open-watchdog.ts';

/** Whether it stands still now. */
export type StopOutcome =
  | { readonly state: 'stopped' }
  /** It counts, or nothing tells that it does not: somebody has to pet it until the next reset. */
  | { readonly state: 'counting'; readonly reason: string };

/** Once, and only one that counts: opening one that stands still would start it. @returns whether it was petted */
export function petOnce(root: string, device: string, calls?: WatchdogCalls): boolean {
  const place: WatchdogPlace = { root, device, calls };
  if (isCounting(place) === false) return false;
  using watchdog = new OpenWatchdog(place);
  watchdog.pet();
  return true;
}

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
