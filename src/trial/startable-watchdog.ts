/**
 * Whether the watchdog that is planned can be started by the first act of a trial.
 * @module
 */
import { basename } from 'node:path';
import { KhopError } from '../error.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { TrialWatchdog } from '../plan/trial/first-act-order.ts';
import type { PlannedWatchdog, WatchdogPlan } from '../plan/trial/plan-watchdog.ts';
import type { TrialWorld } from './world.ts';

/** A watchdog, and what the first act needs to have it count. */
interface StartableWatchdog {
  readonly watchdog: WatchdogPlan;
  readonly start: TrialWatchdog | undefined;
}

/** One that nobody pets in the new kernel would end every trial: it is only used where the first act can. */
export async function startableWatchdog(
  world: TrialWorld,
  { release }: Kernel,
  watchdog: WatchdogPlan,
  obstacle: string | undefined,
): Promise<StartableWatchdog> {
  if (watchdog.state === 'none') return { watchdog, start: undefined };
  const without = (reason: string): StartableWatchdog => ({
    watchdog: { state: 'none', reason: `nobody could pet the watchdog in the new kernel: ${reason}` },
    start: undefined,
  });
  const holder = otherHolder(world, watchdog);
  if (holder !== undefined)
    return {
      watchdog: {
        state: 'none',
        reason: `${watchdog.device} is held by ${holder}, which will want it in the new kernel, too`,
      },
      start: undefined,
    };
  if (obstacle !== undefined) return without(obstacle);
  if (release === undefined) return without('its release is not known, and so are its modules');
  const { device, timeoutSeconds, leaveSeconds, driver, moduleParameters } = watchdog;
  const parameters = Object.entries(moduleParameters).map(([name, value]) => `${name}=${value}`);
  try {
    const modules = (await world.collectModules(release, watchdog.modules, [])).map(({ name, bytes }) => ({
      name,
      bytes,
      parameters: name === driver ? parameters.join(' ') : '',
    }));
    return { watchdog, start: { device, timeoutSeconds, leaveSeconds, modules } };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return without(error.message);
  }
}

/** A daemon that pets it, as those of clusters: in the new kernel it would find it taken, and fail. */
function otherHolder(
  { guardian, watchdog }: Pick<TrialWorld, 'guardian' | 'watchdog'>,
  { device, isHeldByServiceManager }: PlannedWatchdog,
): string | undefined {
  // The guardian of a trial before this one gives it away.
  if (isHeldByServiceManager || guardian.find().state === 'read') return undefined;
  return watchdog.findHolder(basename(device));
}
