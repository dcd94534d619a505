/**
 * What `khop arrive` does about the watchdog of a trial that is over, and what it says of it.
 * @module
 */
import { loadModule } from '../machine/load-module.ts';
import { seeToWatchdog, type WatchdogAtHome } from '../trial/watchdog-at-home.ts';
import type { CliContext } from './context.ts';
import { openTrialWorld } from './trial-world.ts';

/** On this machine. */
export async function seeToHomeWatchdog(context: CliContext): Promise<WatchdogAtHome> {
  const world = openTrialWorld(context);
  return await seeToWatchdog({
    ...world,
    loadModule: async (name) => await loadModule(name, context.signal),
  });
}

/** Undefined when there is nothing to say. */
export function describeHomeWatchdog(watchdog: WatchdogAtHome): string | undefined {
  switch (watchdog.state) {
    case 'none':
      return undefined;
    case 'stopped':
      return `${watchdog.device}, the watchdog of a trial, is stopped.`;
    case 'service-manager':
      return `${watchdog.device}, the watchdog of a trial, cannot be stopped or is to run: systemd pets it now.`;
    case 'unpetted':
      return `NOBODY PETS THE WATCHDOG, which will reset this machine: ${watchdog.reason}`;
  }
}
