/**
 * What a confirmed kernel does with the net that it was tried over: the guardian ends, the watchdog goes to whoever is
 * to have it, and the kernels that wait for a way home are let go. The one in the normal slot has to go: systemd (256+)
 * would start it at the next ordinary reboot.
 * @module
 */
import { basename } from 'node:path';
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import { keepArmed } from '../guard/guard.ts';
import { readGuardSettings } from '../guard/guard-status.ts';
import type { MachineFacts } from '../machine/facts.ts';
import type { GuardianMessage } from '../machine/guardian-process.ts';
import { valueOf } from '../machine/reading.ts';
import { hasArgument } from '../plan/command-line.ts';
import { type PlannedWatchdog, planWatchdog, runtimeWatchdogSeconds } from '../plan/trial/plan-watchdog.ts';
import { withoutAddedParameters } from '../switch/added-parameters.ts';
import { unload } from '../switch/load.ts';
import { mayBeLocked } from '../switch/locked-watchdog.ts';
import { Baseline } from './health/baseline.ts';
import { readTrialPlace } from './read-trial.ts';
import { OTHER_LOADERS } from './watch-net.ts';
import type { TrialWorld } from './world.ts';

const PAUSE_MS = 100;
/** It looks for signals every second. */
const END_MS = 10_000;

/**
 * Resolves once the guardian is not there any more, or counts no deadline. What then becomes of its watchdog no longer
 * decides on the trial, and comes back as sentences.
 * @throws E_TIMEOUT when it does not end or does not listen, E_UNREADABLE when nobody can say
 */
export async function endGuardian(world: TrialWorld): Promise<readonly string[]> {
  const pid = findGuardian(world);
  const machine = world.readMachine();
  const driver = guardedDriver(world, machine);
  const watchdog = planWatchdog(machine, { deadlineSeconds: 0, jumpSeconds: 0 }, driver);
  const isWatched = watchdog.state === 'planned';
  // The kernel that was left may have locked it where this one would not have.
  const isLocked = isWatched && mayBeLocked(world, machine, watchdog.driver);
  const configuredSeconds = isWatched ? runtimeWatchdogSeconds(machine, watchdog.timeoutSeconds) : 0;
  if (pid === undefined)
    return isWatched && driver !== undefined && isAlone(world, machine, watchdog)
      ? await giveAway(world, watchdog, configuredSeconds || (isLocked ? watchdog.timeoutSeconds : 0))
      : [];
  if (isWatched && configuredSeconds > 0) {
    await tellAndWait(world, pid, 'handOver');
    return await giveAway(world, watchdog, configuredSeconds);
  }
  if (isWatched && (watchdog.isNowayout || isLocked)) {
    if (await keepsPetting(world, pid)) return [];
    return await giveAway(world, watchdog, isLocked ? watchdog.timeoutSeconds : 0);
  }
  await tellAndWait(world, pid, 'confirmed');
  return [];
}

/** One that only keeps a watchdog any more lets go of it. Nothing when there is none. @throws as `endGuardian` */
export async function dismissGuardian(world: TrialWorld): Promise<void> {
  const pid = findGuardian(world);
  if (pid !== undefined) await tellAndWait(world, pid, 'handOver');
}

/** Where the guardian was killed, it has left it counting. */
function isAlone(world: TrialWorld, machine: MachineFacts, { device }: PlannedWatchdog): boolean {
  const name = basename(device);
  const facts = (valueOf(machine.watchdogs) ?? []).find((each) => each.name === name);
  return (
    facts?.state === 'active' && facts.isHeldByInit !== true && world.watchdog.findHolder(name) === undefined
  );
}

async function giveAway(
  world: TrialWorld,
  watchdog: PlannedWatchdog,
  configuredSeconds: number,
): Promise<readonly string[]> {
  try {
    await world.watchdog.handToServiceManager(watchdog, configuredSeconds);
    return [];
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return [`the guardian has let go of ${watchdog.device}: ${error.message}`];
  }
}

/** @throws E_UNREADABLE */
function findGuardian(world: TrialWorld): number | undefined {
  const found = world.guardian.find();
  if (found.state !== 'unreadable') return valueOf(found);
  throw new KhopError(
    'E_UNREADABLE',
    `whether a guardian still runs cannot be seen: ${found.source}: ${found.reason}`,
    { hint: 'Check that /proc is mounted, then `khop confirm` again.' },
  );
}

/** Of two watchdogs, the guardian has the one that was chosen before the jump. */
function guardedDriver(world: TrialWorld, machine: MachineFacts): string | undefined {
  const found = readTrialPlace(world, machine);
  return found.place === 'on-trial' ? (found.ticket.trial.watchdog ?? undefined) : undefined;
}

/** Until nothing of its name is there: what it does on its way home runs in children of the same name. */
async function tellAndWait(world: TrialWorld, pid: number, message: 'confirmed' | 'handOver'): Promise<void> {
  tell(world, pid, message);
  for (let waited = 0; waited < END_MS; waited += PAUSE_MS) {
    if (world.guardian.find().state === 'absent') return;
    await world.sleep(PAUSE_MS);
  }
  throw notEnded(pid, 'has not ended');
}

/** False when it has ended meanwhile: then nobody pets the watchdog. */
async function keepsPetting(world: TrialWorld, pid: number): Promise<boolean> {
  tell(world, pid, 'keepPetting');
  for (let waited = 0; waited < END_MS; waited += PAUSE_MS) {
    if (world.guardian.find().state === 'absent') return false;
    if (valueOf(world.guardian.hasTaken(pid, 'keepPetting')) === true) return true;
    await world.sleep(PAUSE_MS);
  }
  throw notEnded(pid, 'has not listened');
}

/** One that is gone need not be told. */
function tell(world: TrialWorld, pid: number, message: GuardianMessage): void {
  try {
    world.guardian.tell(pid, message);
  } catch (error) {
    if (world.guardian.find().state !== 'absent') throw error;
  }
}

function notEnded(pid: number, what: string): KhopError {
  return new KhopError(
    'E_TIMEOUT',
    `the guardian (process ${pid}) ${what} within ${END_MS / 1000} s, and may go home at its deadline`,
    {
      hint: `Then it is on its way, or stopped: \`cat /proc/${pid}/status\`. Unless it keeps a watchdog, end it with \`kill -9 ${pid}\`, then \`khop confirm\` again.`,
    },
  );
}

/**
 * Lets the waiting kernels go. Where the guard is wanted, this kernel gets a panic kernel of its own; where it is not,
 * the memory that was reserved for the trial alone is free again.
 */
export async function releaseWaitingKernels(world: TrialWorld): Promise<void> {
  unload(world, 'normal');
  if (readGuardSettings(world) !== undefined) {
    await keepArmed(world);
    return;
  }
  unload(world, 'crash');
  sayWhoWaited(world);
  const own = withoutAddedParameters(valueOf(world.readMachine().commandLine) ?? '');
  if (!hasArgument(own, 'crashkernel')) world.freeReservation();
}

/** Kept from it by packaging/not-on-trial.conf. */
function sayWhoWaited(world: TrialWorld): void {
  const found = readTrialPlace(world, world.readMachine());
  const taken = v.safeParse(Baseline, found.place === 'on-trial' ? found.ticket.trial.baseline : undefined);
  const before = taken.success && taken.output.activeServices;
  if (before === false || before.state !== 'known') return;
  for (const unit of before.value.filter((name) => OTHER_LOADERS.includes(name)))
    world.remark(
      `${unit} loads its panic kernel again from the next start on: in a kernel on trial it may not.`,
    );
}
