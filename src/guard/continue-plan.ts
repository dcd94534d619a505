/**
 * Arming in the mode `continue`: the panic kernel is this system's own kernel, and the way home waits beside it.
 * @module
 */
import { KhopError } from '../error.ts';
import { rangeSize } from '../formats/range.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { LEAST_USER_BYTES } from '../plan/capture/continue-memory.ts';
import type { GuardPlan } from './arm.ts';
import type { ContinuingMemory } from './armed-record.ts';
import { reservedBytes } from './capture-kernel.ts';
import { continueNeed, planContinueKernel, usedBytes } from './continue-kernel.ts';
import { shapeOf } from './drift.ts';
import type { GuardSettings } from './guard-settings.ts';
import { chooseHome, type HomePlan, type HomeWish } from './home-plan.ts';
import type { GuardWorld } from './world.ts';

/** What has been chosen before. */
interface ContinueWish {
  readonly kernel: Kernel;
  /** Of the arming. */
  readonly id: string;
  readonly wish: HomeWish;
}

/** @throws E_PLAN when the reservation is too small for user space */
export function planContinue(
  world: GuardWorld,
  machine: MachineFacts,
  settings: GuardSettings,
  { kernel, id, wish }: ContinueWish,
): GuardPlan {
  const { digest } = wish;
  digest([kernel.image, ...kernel.initrds]);
  const need = continueNeed(world, machine, settings, kernel, 0);
  const alone = BigInt(need.bytes - need.userBytes + LEAST_USER_BYTES);
  const reserved = reservedBytes(machine);
  if (reserved < alone)
    throw new KhopError(
      'E_PLAN',
      `to go on takes ${alone >> 20n} MiB at the least, and ${reserved >> 20n} MiB are reserved`,
      { hint: 'Reserve more: khop guard on --mode continue --memory auto' },
    );
  const home = homeBeside(world, machine, wish, [reserved - BigInt(need.bytes), reserved - alone]);
  const kept = home.state === 'planned' ? rangeSize(home.wayHome.region) : 0n;
  return {
    plan: planContinueKernel(world, machine, kernel, home, { id, cpus: settings.cpus }),
    home,
    place: { state: 'nowhere', reason: 'the system that goes on writes the report' },
    dump: undefined,
    encryption: undefined,
    inputs: digest([kernel.image, ...kernel.initrds, ...(home.state === 'planned' ? home.inputs : [])]),
    shape: shapeOf(machine),
    id,
    loop: wish.loop,
    // Also where going home would begin a loop anew: nobody goes there before somebody says so.
    ending: 'home',
    staysWithoutHome: false,
    rescueShell: false,
    rescueLogin: undefined,
    continuing: whatThereWillBe(machine, settings, Number(reserved - kept - alone) + LEAST_USER_BYTES),
  };
}

function whatThereWillBe(
  machine: MachineFacts,
  { cpus }: GuardSettings,
  memoryBytes: number,
): ContinuingMemory {
  const used = Number(usedBytes(machine));
  const warnings: string[] = [];
  if (used > memoryBytes) warnings.push('more is in use now than there will be');
  if ((valueOf(machine.crypttab) ?? []).length > 0)
    warnings.push('disks of /etc/crypttab are unlocked anew: somebody may have to type');
  return { memoryBytes, cpus, usedBytes: used, warnings };
}

/**
 * The fastest way home in the first room in which there is one. What programs use now comes before a faster way; but a
 * way at all comes before more than programs need at the least, because leaving is a second pause of the services.
 */
function homeBeside(
  world: GuardWorld,
  machine: MachineFacts,
  wish: HomeWish,
  rooms: readonly bigint[],
): HomePlan {
  let home: HomePlan = { state: 'firmware', reason: 'the panic kernel alone needs all of the reservation' };
  for (const room of rooms) {
    ({ home } = chooseHome(world, machine, wish, room));
    if (home.state === 'planned') break;
  }
  return home;
}
