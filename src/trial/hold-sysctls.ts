/**
 * Keeping what makes a panic of a hang. The command line of a trial sets it just before init, and systemd-sysctl comes
 * behind that: what /etc/sysctl.d says of the same settings would undo what was promised before the jump. The
 * confirmation sets all of them back to what they were in the old kernel.
 * @module
 */
import { valueOf } from '../machine/reading.ts';
import { commandLineValue } from '../plan/command-line.ts';
import { TRIAL_SYSCTLS } from '../plan/trial/trial-parameters.ts';
import type { TrialWorld } from './world.ts';

/** A setting, and the value that the trial wants. */
interface TrialSysctl {
  /** E.g. `kernel.panic`. */
  readonly name: string;
  readonly wanted: string;
}

/** What the administrator's own command line sets otherwise is no part of the trial. */
export function trialSysctls(world: TrialWorld): readonly TrialSysctl[] {
  const commandLine = valueOf(world.readMachine().commandLine) ?? '';
  return Object.entries(TRIAL_SYSCTLS)
    .map(([key, wanted]) => ({ name: `kernel.${key}`, wanted }))
    .filter(({ name, wanted }) => commandLineValue(commandLine, `sysctl.${name}`) === wanted);
}

/** Sets again what differs. What does not take is said, and is a gap from then on; see `sysctlGaps`. Never throws. */
export function holdSysctls(world: TrialWorld): void {
  for (const { name, wanted } of differing(world, trialSysctls(world)))
    try {
      world.writeSysctl(name, wanted);
    } catch (error) {
      world.remark(`${name} cannot be set to ${wanted}: ${(error as Error).message}`);
    }
}

/** One sentence for each setting that is not as the trial wants it. */
export function sysctlGaps(world: TrialWorld, sysctls: readonly TrialSysctl[]): string[] {
  return differing(world, sysctls).map(
    ({ name, wanted, found }) =>
      `${name} is ${found} instead of ${wanted}: what hangs may not panic, and is then left at the deadline.`,
  );
}

/** Of those that this kernel has. */
function differing({ readSysctl }: TrialWorld, sysctls: readonly TrialSysctl[]) {
  return sysctls.flatMap(({ name, wanted }) => {
    const reading = readSysctl(name);
    if (reading.state === 'absent') return [];
    const found = reading.state === 'read' ? reading.value.trim() : 'unreadable';
    return found === wanted ? [] : [{ name, wanted, found }];
  });
}
