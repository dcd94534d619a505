/**
 * Of what a person could find after a loop, the best that the reservation has room for: somebody who can log in is worth
 * more than a kernel that waits, since that one only died again, and a panic kernel that only waits more than a loop.
 * @module
 */
import { KhopError } from '../error.ts';
import { rangeSize } from '../formats/range.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import type { RescueOrder } from '../plan/capture/rescue.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import type { CrashLoop } from './crash-loop.ts';
import type { HomePlan } from './home-plan.ts';
import { type RescueLogin, rescueBytes } from './rescue-login.ts';
import { planRescue, planStay } from './rescue-plan.ts';
import type { GuardWorld } from './world.ts';

/** What there is to choose from. */
export interface RescueChoice {
  readonly loop: CrashLoop;
  readonly home: HomePlan;
  /** Undefined: it was not asked for. */
  readonly login: Reading<RescueLogin> | undefined;
  /** Of the reservation, what the panic kernel leaves. */
  readonly roomBytes: bigint;
}

/** A rescue that fits. */
export interface ChosenRescue {
  readonly plan: LoadPlan;
  readonly home: HomePlan;
  /** Whether the console has a shell. */
  readonly rescueShell: boolean;
  readonly rescueLogin: Reading<string> | undefined;
  /** Paths of what the login is made of. */
  readonly inputs: readonly string[];
}

const FOR_LOGIN: HomePlan = { state: 'firmware', reason: 'the room is for somebody who logs in' };

/** Undefined when none fits. @param planFor throws E_PLAN */
export function chooseRescue(
  world: GuardWorld,
  { loop, home, login, roomBytes }: RescueChoice,
  planFor: (order: RescueOrder, home: HomePlan) => LoadPlan,
): ChosenRescue | undefined {
  const found = login && valueOf(login);
  let isWithoutShell = false;
  for (const way of found === undefined ? [] : [home, FOR_LOGIN]) {
    const order = planRescue(world, loop, way, found);
    isWithoutShell = order === undefined;
    if (order === undefined || BigInt(rescueBytes(order)) > roomBytes - keptBytes(way)) continue;
    const plan = fitting(() => planFor(order, way));
    if (plan !== undefined)
      return {
        ...{ plan, home: way, inputs: found!.inputs, rescueShell: order.command !== undefined },
        rescueLogin: { ...login!, state: 'read', value: found!.address },
      };
  }
  const without = login && withoutLogin(login, isWithoutShell);
  for (const order of [planRescue(world, loop, home, undefined), planStay(loop, home)]) {
    const plan = order && fitting(() => planFor(order, home));
    if (plan === undefined) continue;
    return { plan, home, inputs: [], rescueShell: order?.command !== undefined, rescueLogin: without };
  }
  return undefined;
}

function withoutLogin(login: Reading<RescueLogin>, isWithoutShell: boolean): Reading<string> {
  if (login.state !== 'read') return login;
  const reason = isWithoutShell
    ? 'neither busybox nor sh can be brought along'
    : 'the reservation is too small for it';
  return { state: 'unreadable', source: login.source, reason };
}

function keptBytes(home: HomePlan): bigint {
  return home.state === 'planned' ? rangeSize(home.wayHome.region) : 0n;
}

function fitting(plan: () => LoadPlan): LoadPlan | undefined {
  try {
    return plan();
  } catch (error) {
    if (error instanceof KhopError && error.code === 'E_PLAN') return undefined;
    throw error;
  }
}
