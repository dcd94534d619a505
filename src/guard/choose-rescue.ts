/**
 * Of the shells that a person could find after a loop, the best one that the reservation has room for: somebody who can
 * log in is worth more than a kernel that waits, since that one only died again.
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
import { planRescue } from './rescue-plan.ts';
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

/** A shell that fits. */
export interface ChosenRescue {
  readonly plan: LoadPlan;
  readonly home: HomePlan;
  readonly rescueLogin: Reading<string> | undefined;
  /** Paths of what the login is made of. */
  readonly inputs: readonly string[];
}

const FOR_LOGIN: HomePlan = { state: 'firmware', reason: 'the room is for somebody who logs in' };

/** Undefined when none fits: a report without a shell is worth more than neither. @param planFor throws E_PLAN */
export function chooseRescue(
  world: GuardWorld,
  { loop, home, login, roomBytes }: RescueChoice,
  planFor: (order: RescueOrder, home: HomePlan) => LoadPlan,
): ChosenRescue | undefined {
  const found = login && valueOf(login);
  for (const way of found === undefined ? [] : [home, FOR_LOGIN]) {
    const order = planRescue(world, loop, way, found);
    if (order === undefined || BigInt(rescueBytes(order)) > roomBytes - keptBytes(way)) continue;
    const plan = fitting(() => planFor(order, way));
    if (plan !== undefined)
      return {
        ...{ plan, home: way, inputs: found!.inputs },
        rescueLogin: { ...login!, state: 'read', value: found!.address },
      };
  }
  const order = planRescue(world, loop, home, undefined);
  const plan = order && fitting(() => planFor(order, home));
  if (plan === undefined) return undefined;
  return { plan, home, inputs: [], rescueLogin: login && withoutLogin(login) };
}

function withoutLogin(login: Reading<RescueLogin>): Reading<string> {
  if (login.state !== 'read') return login;
  return { state: 'unreadable', source: login.source, reason: 'the reservation is too small for it' };
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
