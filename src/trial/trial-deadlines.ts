/**
 * How long a kernel on trial has, of what the configuration and the command line say.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { Configuration } from '../switch/configuration.ts';
import type { TrialDeadlines } from './stage-trial.ts';

/**
 * The guardian waits for the agent until the system has started. Where the agent is nobody's unit, it waits for a person,
 * who has all the time there is.
 */
export function trialDeadlines(
  { serviceManager }: Pick<MachineFacts, 'serviceManager'>,
  { trialSeconds, trialBootSeconds }: Pick<Configuration, 'trialSeconds' | 'trialBootSeconds'>,
  { deadline, confirm }: { readonly deadline?: number | undefined; readonly confirm?: number | undefined },
): TrialDeadlines {
  const totalSeconds = deadline ?? trialSeconds;
  const hasAgent = valueOf(serviceManager) === 'systemd';
  return {
    totalSeconds,
    bootSeconds: hasAgent ? Math.min(trialBootSeconds, totalSeconds) : totalSeconds + (confirm ?? 0),
    confirmSeconds: confirm,
  };
}
