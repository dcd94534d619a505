/**
 * How a kernel knows that it is home from a trial: by its command line. The kernel itself ignores the parameter.
 * @module
 */
import { idOnCommandLine } from '../switch/on-trial.ts';

/** Carries the trial's id to the known-good kernel that it left for without firmware. */
export const HOME_PARAMETER = 'khop.home';

/** The id of the trial that this kernel came home from without a panic and without firmware. */
export function homeIdOn(commandLine: string): string | undefined {
  return idOnCommandLine(commandLine, HOME_PARAMETER);
}
