/**
 * Everything that may have led to this kernel, concluded in order. `khop arrive` does so early in a boot. Where nobody
 * calls it, as without systemd, the next switch does, before its ticket takes the place of the one that is there.
 * Both do it under the lock: to finish a confirmation may take minutes, in which somebody may want to switch.
 * @module
 */
import { arriveFromCrash, type CrashArrival } from '../guard/record-crash.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { concludeSwitch } from '../switch/arrive.ts';
import type { LoadEndHistoryEntry, SwitchHistoryEntry } from '../switch/history.ts';
import { concludeLoad } from '../switch/load-end.ts';
import { keptLoadPath, ticketPath } from '../switch/state-paths.ts';
import type { Announcer } from './announce.ts';
import { concludeTrial, type ResetEvidence, type TrialConclusion } from './conclude-trial.ts';
import { onceFree } from './when-free.ts';

/** What was concluded. */
export interface ArrivalConclusion {
  readonly arrival: CrashArrival;
  readonly trial: TrialConclusion;
  /** Of a switch without a trial; undefined when there is none that ended here. */
  readonly entry: SwitchHistoryEntry | undefined;
  /** Of what an earlier boot has loaded, and no ticket tells of. */
  readonly loadEnd: LoadEndHistoryEntry | undefined;
}

/** A job that runs early in a boot may have it; who keeps it for longer concludes before it switches. */
const BUSY_MS = 60_000;

/** As `concludeArrival`, while no other khop changes anything. @throws E_BUSY when one does so for a minute */
export async function concludeArrivalAlone(
  world: GuardWorld,
  wait: (ms: number) => Promise<void>,
  machine: MachineFacts,
  reset: ResetEvidence,
  announcer: Announcer,
): Promise<ArrivalConclusion> {
  return await onceFree(world, wait, BUSY_MS, async () => concludeArrival(world, machine, reset, announcer));
}

/** A crash comes first: it is why a trial came home. In a system that goes on after one, nothing else is concluded. */
async function concludeArrival(
  world: GuardWorld,
  machine: MachineFacts,
  reset: ResetEvidence,
  announcer: Announcer,
): Promise<ArrivalConclusion> {
  const arrival = arriveFromCrash(world, machine);
  const loadEnd = concludeLoad(world);
  const trial: TrialConclusion =
    arrival.continued === undefined
      ? await concludeTrial(world, machine, reset, announcer)
      : { state: 'none' };
  const entry = trial.state === 'none' ? concludeSwitch(world, machine) : undefined;
  return { arrival, trial, entry, loadEnd };
}

/** @returns whether there was a switch or a load that ended before this boot, and nobody had concluded */
export async function concludeLastSwitch(
  world: GuardWorld,
  reset: ResetEvidence,
  announcer: Announcer,
): Promise<boolean> {
  const paths = [ticketPath(world.folders), keptLoadPath(world.folders)];
  if (paths.every((path) => world.files.read(path) === undefined)) return false;
  const { trial, entry, loadEnd } = await concludeArrival(world, world.readMachine(), reset, announcer);
  return (
    entry !== undefined || loadEnd !== undefined || ['returned', 'confirmed', 'lost'].includes(trial.state)
  );
}
