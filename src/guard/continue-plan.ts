/**
 * Arming in the mode `continue`: the panic kernel is this system's own kernel, and the way home waits beside it.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { LEAST_USER_BYTES } from '../plan/capture/continue-memory.ts';
import type { GuardPlan } from './arm.ts';
import { reservedBytes } from './capture-kernel.ts';
import { continueNeed, planContinueKernel, usedBytes } from './continue-kernel.ts';
import { crashesFolder } from './crashes-folder.ts';
import type { GuardSettings } from './guard-settings.ts';
import { planHomeKernel, runningSelector } from './home-plan.ts';
import type { GuardWorld } from './world.ts';

/**
 * The way home may take what programs do not need at the least: without it, the machine goes through the firmware
 * when somebody is there to see it; without programs, it does not serve.
 * @throws E_PLAN when the reservation is too small for user space
 */
export function planContinue(
  world: GuardWorld,
  machine: MachineFacts,
  settings: GuardSettings,
  kernel: Kernel,
  id: string,
): GuardPlan {
  const need = continueNeed(world, machine, kernel, 0);
  const alone = BigInt(need.bytes - need.userBytes + LEAST_USER_BYTES);
  const reserved = reservedBytes(machine);
  if (reserved < alone)
    throw new KhopError(
      'E_PLAN',
      `to go on takes ${alone >> 20n} MiB at the least, and ${reserved >> 20n} MiB are reserved`,
      { hint: 'Reserve more: khop guard on --mode continue --memory auto' },
    );
  const selector = settings.home ?? runningSelector(world, machine);
  const home = planHomeKernel(world, machine, selector, id, reserved - alone);
  const kept = home.state === 'planned' ? BigInt(home.wayHome.kept.memorySize) : 0n;
  return {
    plan: planContinueKernel(world, machine, kernel, home, id),
    home,
    place: { state: 'absent', source: crashesFolder(world.folders) },
    modules: [],
    inputs: [kernel.image, ...kernel.initrds, ...(home.state === 'planned' ? home.inputs : [])],
    id,
    continuing: {
      memoryBytes: Number(reserved - kept - alone) + LEAST_USER_BYTES,
      usedBytes: Number(usedBytes(machine)),
    },
  };
}
