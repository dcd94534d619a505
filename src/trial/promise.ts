/**
 * What a staged trial is worth on this machine: the return table's input, read from the stage and the machine.
 * @module
 */
import { valueOf } from '../machine/reading.ts';
import type { History } from '../switch/history.ts';
import { readHistory } from '../switch/read-history.ts';
import type { Planned, ReturnTableInput } from './return-table.ts';
import type { Part, StagedTrial } from './stage-trial.ts';
import type { TrialWorld } from './world.ts';

/** How many past starts count. */
const RECENT = 5;

/** What the table is made of, as far as this machine tells. */
export function returnTableInput(world: TrialWorld, staged: StagedTrial): ReturnTableInput {
  const machine = world.readMachine();
  const { request, home, guard, watchdog, firstActObstacle, homeDefault } = staged;
  const { deadlines } = request;
  return {
    panicKernel: planned(guard, firstActObstacle),
    home: planned(home, firstActObstacle),
    watchdog: watchdog.state === 'planned' ? watchdog : { ...watchdog, remedy: null },
    homeDefault:
      homeDefault.state === 'missing' ? { ...homeDefault, state: 'none' } : { state: homeDefault.state },
    bootDeadlineSeconds: deadlines.bootSeconds,
    deadlineSeconds: deadlines.totalSeconds + (deadlines.confirmSeconds ?? 0),
    needsConfirm: deadlines.confirmSeconds !== undefined,
    // It is on where the kernel has one and the processor counts for it, which few virtual ones do.
    hasHardLockupDetector: valueOf(world.readSysctl('kernel.nmi_watchdog'))?.trim() === '1',
    hasSystemd: valueOf(machine.serviceManager) === 'systemd',
    measured: { bootSeconds: usualBootSeconds(readHistory(world)), firmwareSeconds: null },
  };
}

function planned(part: Part<unknown>, obstacle: string | undefined): Planned {
  if (part.state === 'planned' && obstacle === undefined) return { state: 'planned' };
  const reason = obstacle ?? (part.state === 'missing' ? part.reason : '');
  return { state: 'none', reason, remedy: null };
}

/** From the start of a kernel to khop's record of it, on this machine. */
function usualBootSeconds({ entries }: History): number | null {
  const ups = entries
    .flatMap((entry) => (entry.kind === 'switch' && entry.upMs !== null ? [entry.upMs] : []))
    .slice(-RECENT)
    .sort((a, b) => a - b);
  const middle = ups[Math.floor(ups.length / 2)];
  return middle === undefined ? null : Math.round(middle / 1000);
}
