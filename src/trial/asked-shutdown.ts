/**
 * That a kernel on trial was asked to go down, as khop-trial-asked.service leaves it behind while services stop:
 * /var/lib/khop/asked-shutdown, with the command line of that kernel, and what `systemctl show` says of units that had
 * failed: one of those may have asked. The agent may be busy when a shutdown begins, and
 * then sees nothing of it. Who goes home stops services, too, and says so before: that is not noted.
 * @module
 */
import { findFailureAction } from '../machine/units.ts';
import { trialIdOn } from '../switch/on-trial.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { SHUTDOWN_ASKED } from './going-down.ts';

/** There from the shutdown until its trial is concluded. */
export function askedShutdownPath(folders: Folders): string {
  return `${folders.state}/asked-shutdown`;
}

/** There from the decision to go home, which the agent took: nobody asked for what stops then. The unit looks for it. */
export function goingHomePath(folders: Folders): string {
  return `${folders.run}/going-home`;
}

/** What a shutdown says of the kernel that it ended. */
export interface ShutdownVerdict {
  readonly cause: 'asked' | 'unhealthy';
  /** One sentence. */
  readonly detail: string;
}

/** Undefined where it is of another trial, or cannot be read. @param id of the trial */
export function readAskedShutdown({ files, folders }: SwitchWorld, id: string): ShutdownVerdict | undefined {
  try {
    const [commandLine = '', ...shown] = (files.read(askedShutdownPath(folders)) ?? '').split('\n');
    if (trialIdOn(commandLine) !== id) return undefined;
    const unit = findFailureAction(shown.join('\n'));
    return unit === undefined
      ? { cause: 'asked', detail: SHUTDOWN_ASKED }
      : { cause: 'unhealthy', detail: `${unit.name} had failed, and asks for ${unit.action} then` };
  } catch {
    return undefined;
  }
}

/** @throws what the file system says */
export function forgetAskedShutdown({ files, folders }: SwitchWorld): void {
  const path = askedShutdownPath(folders);
  if (files.read(path) !== undefined) files.remove(path);
}
