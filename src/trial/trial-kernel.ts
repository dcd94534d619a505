/**
 * How a kernel knows what it is to a trial: by its command line, which is there before any disk is. The kernel itself
 * ignores these parameters.
 * @module
 */
import { commandLineValue } from '../plan/command-line.ts';
import { TRIAL_PARAMETER } from '../plan/trial/trial-parameters.ts';

/** Carries it to the known-good kernel that a trial left for in good order, without firmware. */
export const HOME_PARAMETER = 'khop.home';

const ID = /^[0-9a-f]{16}$/;

/** The id of the trial that this kernel is on; undefined in any other. */
export function trialIdOn(commandLine: string): string | undefined {
  return idOf(commandLine, TRIAL_PARAMETER);
}

/** The id of the trial that this kernel came home from without a panic and without firmware. */
export function homeIdOn(commandLine: string): string | undefined {
  return idOf(commandLine, HOME_PARAMETER);
}

function idOf(commandLine: string, parameter: string): string | undefined {
  const value = commandLineValue(commandLine, parameter);
  return value !== undefined && ID.test(value) ? value : undefined;
}
