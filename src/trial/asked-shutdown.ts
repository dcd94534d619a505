/**
 * That somebody asked a kernel on trial to go down, as khop-trial-asked.service leaves it behind while services stop:
 * /var/lib/khop/asked-shutdown, with the command line of that kernel. The agent may be busy when a shutdown begins, and
 * then sees nothing of it. Who goes home stops services, too, and says so before: that is not noted.
 * @module
 */
import { trialIdOn } from '../switch/on-trial.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';

/** There from the shutdown until its trial is concluded. */
export function askedShutdownPath(folders: Folders): string {
  return `${folders.state}/asked-shutdown`;
}

/** There from the decision to go home, which the agent took: nobody asked for what stops then. The unit looks for it. */
export function goingHomePath(folders: Folders): string {
  return `${folders.run}/going-home`;
}

/** False where it is of another trial, or cannot be read. @param id of the trial */
export function wasShutdownAsked({ files, folders }: SwitchWorld, id: string): boolean {
  try {
    return trialIdOn(files.read(askedShutdownPath(folders)) ?? '') === id;
  } catch {
    return false;
  }
}

/** @throws what the file system says */
export function forgetAskedShutdown({ files, folders }: SwitchWorld): void {
  const path = askedShutdownPath(folders);
  if (files.read(path) !== undefined) files.remove(path);
}
