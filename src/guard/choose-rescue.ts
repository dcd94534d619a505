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

/** Beside a kernel that cannot be started. */
const BY_FIRMWARE: HomePlan = { state: 'firmware', reason: 'no kernel can be started from there' };

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

/**
 * For the kernel that is to end a loop, where it cannot be started after all. It is the better end, so a person gets
 * what it leaves of the room. Undefined when not even a note fits.
 * @param planFor throws E_PLAN
 */
export function chooseWithoutHome(
  world: GuardWorld,
  { loop, home, login, roomBytes }: RescueChoice,
  planFor: (order: RescueOrder) => LoadPlan,
): ChosenRescue | undefined {
  const title = home.state === 'planned' ? home.title : 'another kernel';
  const why = {
    reason: `${loop.reason}.\n*** ${title} was to start instead, and cannot be started from here; the firmware may start what died`,
  };
  const found = login && valueOf(login);
  const withLogin = found && planRescue(world, why, BY_FIRMWARE, found);
  const isWithoutShell = found !== undefined && withLogin === undefined;
  const room = roomBytes - keptBytes(home);
  const roomy = [withLogin, planRescue(world, why, BY_FIRMWARE, undefined)]
    .filter((order) => order !== undefined)
    .filter((order) => BigInt(rescueBytes(order)) <= room);
  for (const order of [...roomy, planStay(why, BY_FIRMWARE)]) {
    const plan = fitting(() => planFor(order));
    if (plan === undefined) continue;
    const chosen = { plan, home, rescueShell: order.command !== undefined };
    if (order.server === undefined)
      return { ...chosen, inputs: [], rescueLogin: login && withoutLogin(login, isWithoutShell) };
    return {
      ...chosen,
      inputs: found!.inputs,
      rescueLogin: { ...login!, state: 'read', value: found!.address },
    };
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
