/**
 * Turning the guard on and off, and keeping it armed.
 * @module
 */

import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { unload } from '../switch/load.ts';
import { isOnTrial, refuseOnTrial } from '../switch/on-trial.ts';
import { newSwitchId } from '../switch/switch-kernel.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { armGuard, loopNow, planGuard } from './arm.ts';
import type { ArmedRecord } from './armed-record.ts';
import { armAgainPath, armedRecordPath } from './armed-record.ts';
import { bringReportsIn } from './bring-reports-in.ts';
import { continuationPath } from './continuation.ts';
import { continuationId } from './continuing.ts';
import { requireHttps } from './curl-plan.ts';
import { driftOf } from './drift.ts';
import { requireEncryption } from './encryption-plan.ts';
import { encodeGuardSettings, type GuardSettings, guardSettingsPath } from './guard-settings.ts';
import { readGuardSettings, readGuardStatus } from './guard-status.ts';
import { whyNotOfGuard } from './loaded-by.ts';
import { imageProblems } from './loaded-image.ts';
import { arriveFromCrash } from './record-crash.ts';
import { requireSsh } from './ssh-plan.ts';
import { planTarget, planTargetOrNone, type TargetPlan } from './target-plan.ts';
import type { GuardWorld } from './world.ts';

/**
 * Arms, and remembers to at every boot. The settings are written last: what could not be armed is not wanted either.
 * @throws as `planGuard` and `armGuard`, and then nothing has changed; E_BUSY as `armAsThingsAre`
 */
export async function turnGuardOn(world: GuardWorld, settings: GuardSettings): Promise<ArmedRecord> {
  arriveFromCrash(world, world.readMachine());
  await requireEncryption(world, settings);
  const place = await planTarget(world, settings);
  await requireSsh(world, settings);
  await requireHttps(world, settings);
  const record = await armAsThingsAre(world, settings, place);
  world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settings));
  return record;
}

/** Whatever changes files or CPUs is done by then, or does so all the time. */
const MOST_ARMINGS = 3;

/**
 * Arms, and again when a file was replaced or a CPU came meanwhile: planning takes seconds, early in a boot too. So, too,
 * when another program has loaded a panic kernel right after khop.
 * @throws E_BUSY when that did not end; what was armed last stays, and status says why it is not what it should be
 */
async function armAsThingsAre(
  world: GuardWorld,
  settings: GuardSettings,
  place: TargetPlan,
): Promise<ArmedRecord> {
  let drift: readonly string[] = [];
  for (let count = 1; count <= MOST_ARMINGS; count += 1) {
    const now = count === 1 ? place : await planTargetOrNone(world, settings);
    const planned = await planGuard(world, settings, newSwitchId(world), now);
    const record = await armGuard(world, planned, settings);
    drift = [...driftOf(record, world.readMachine()), ...imageProblems(world.folders.root, record)];
    if (drift.length === 0) return record;
  }
  throw new KhopError('E_BUSY', `something changed each time that the guard was armed: ${drift.join('; ')}`, {
    hint: 'When that is done: khop guard rearm',
  });
}

/**
 * Succeeds when it is off already. A panic kernel that another program has loaded stays.
 * @returns why the one that is loaded was left; undefined when none is loaded any more
 * @throws E_STATE in a kernel on trial; E_SYSCALL
 */
export function turnGuardOff(world: SwitchWorld): string | undefined {
  refuseOnTrial(world, 'the guard is as it was');
  const machine = world.readMachine();
  const whyLeft = whyNotOfGuard(world, machine);
  world.files.remove(guardSettingsPath(world.folders));
  if (whyLeft === undefined) unload(world, 'crash');
  world.files.remove(armedRecordPath(world.folders));
  world.files.remove(armAgainPath(world.folders));
  // A system that goes on still needs it to leave.
  if (continuationId(world.folders, machine) === undefined)
    world.files.remove(continuationPath(world.folders));
  return whyLeft;
}

/** What `keepArmed` did. */
export type KeepArmedOutcome =
  | { readonly did: 'nothing'; readonly because: 'off' | 'armed' | 'continuing' | 'trial' }
  | { readonly did: 'armed'; readonly because: readonly string[]; readonly record: ArmedRecord };

/**
 * Arms again when the guard is wanted and what is loaded is not what it should be. A kernel on trial has the panic kernel
 * that the trial began with: one of its own would come home to a kernel that is not proven.
 */
export async function keepArmed(world: GuardWorld): Promise<KeepArmedOutcome> {
  const settings = readGuardSettings(world);
  if (settings === undefined) return { did: 'nothing', because: 'off' };
  const machine = world.readMachine();
  if (isOnTrial(world, machine)) return { did: 'nothing', because: 'trial' };
  const { state, problems, record } = readGuardStatus(world, machine);
  if (state === 'continuing') return { did: 'nothing', because: state };
  bringLateReportsIn(world, machine);
  const isArmed = state === 'armed' && record !== undefined;
  const mayReachMore = record?.mode === 'capture' && record.reportDevice === null;
  // Then an unrelated panic, weeks later, is not to end in a shell that waits for somebody.
  const isLoopOver = isArmed && record.loopReason !== null && loopNow(world, machine, settings) === undefined;
  if (isArmed && !mayReachMore && !isLoopOver) return { did: 'nothing', because: 'armed' };
  // Which way home is right depends on how this kernel came to run, if khop-arrive.service has not written it down.
  arriveFromCrash(world, machine);
  const place = await planTargetOrNone(world, settings);
  if (isArmed && !isLoopOver && place.state === 'nowhere') return { did: 'nothing', because: 'armed' };
  const because = isLoopOver
    ? ['no crash has come again for so long that there is no loop any more']
    : isArmed
      ? ['there is a place for reports now']
      : problems;
  return { did: 'armed', because, record: await armAsThingsAre(world, settings, place) };
}

/** Where they go may be mounted long after khop-arrive.service has looked there. */
function bringLateReportsIn(world: GuardWorld, machine: MachineFacts): void {
  const { ids, remarks } = bringReportsIn(world);
  for (const line of remarks) world.remark(line);
  if (ids.length === 0) return;
  const { crashes, problem } = arriveFromCrash(world, machine);
  for (const id of crashes) world.remark(`the report of a crash came in late: khop crashes show ${id}`);
  if (problem !== undefined) world.remark(problem);
}
