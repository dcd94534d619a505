/**
 * What a staged trial is worth on this machine: the return table's input, read from the stage and the machine.
 * @module
 */
import { rangeSize } from '../formats/range.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { mayUnpackInto } from '../plan/trial/trial-memory.ts';
import type { History } from '../switch/history.ts';
import { readHistory } from '../switch/read-history.ts';
import { panicsOutOfReach } from './first-processor.ts';
import type { Planned, ReturnTableInput } from './return-table.ts';
import type { Part, StagedTrial } from './stage-trial.ts';
import type { TrialWorld } from './world.ts';

/** How many past starts count. */
const RECENT = 5;

/**
 * What the table is made of, as far as this machine tells.
 * @param bootSeconds see `startSeconds`
 */
export function returnTableInput(
  world: TrialWorld,
  staged: StagedTrial,
  bootSeconds: number | null = null,
): ReturnTableInput {
  const machine = world.readMachine();
  const { request, home, guard, watchdog, firstActObstacle, homeDefault } = staged;
  const { deadlines } = request;
  return {
    panicKernel: withChance(planned(guard, firstActObstacle), missesOneIn(machine, staged)),
    panicHome: wayHomeOf(guard),
    panicsElsewhere: panicsOutOfReach(machine, staged),
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
    measured: { bootSeconds, firmwareSeconds: firmwareSeconds(world, bootSeconds) },
  };
}

/** From a reset until the known-good kernel is up, where both parts of it are known. */
function firmwareSeconds(world: TrialWorld, bootSeconds: number | null): number | null {
  const before = valueOf(world.readFirmwareSeconds());
  return before === undefined || bootSeconds === null ? null : Math.round(before) + bootSeconds;
}

function withChance(part: Planned, missesOneIn: number | undefined): Planned {
  return part.state === 'planned' && missesOneIn !== undefined ? { ...part, missesOneIn } : part;
}

/** Of all places, how many the one that the panic kernel needs are; see docs/decisions/trial.md. */
function missesOneIn(machine: MachineFacts, { proposal, reservation }: StagedTrial): number | undefined {
  const { plan } = proposal;
  if (plan === undefined || reservation === undefined || !mayUnpackInto(plan, reservation)) return undefined;
  const memory = valueOf(machine.memoryTotalBytes) ?? 0n;
  return Math.max(2, Number(memory / rangeSize(reservation)));
}

function planned(part: Part<unknown>, obstacle: string | undefined): Planned {
  if (part.state === 'planned' && obstacle === undefined) return { state: 'planned' };
  const reason = obstacle ?? (part.state === 'missing' ? part.reason : '');
  return { state: 'none', reason, remedy: null };
}

/** Of the panic kernel, which has one of its own; without a panic kernel there is none. */
function wayHomeOf(guard: StagedTrial['guard']): Planned {
  if (guard.state === 'missing') return planned(guard, undefined);
  const { home } = guard.value;
  if (home.state === 'planned') return { state: 'planned' };
  return { state: 'none', reason: home.reason, remedy: null };
}

/** How long a start takes on this machine; before there is a record of any, how long this one took. Null: nobody knows. */
export async function startSeconds(world: TrialWorld): Promise<number | null> {
  const usual = usualBootSeconds(readHistory(world));
  if (usual !== null) return usual;
  const ms = await world.readInitMs();
  return ms === undefined ? null : Math.round(ms / 1000);
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
