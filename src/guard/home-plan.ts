/**
 * The plan of the known-good kernel, which the guard goes home with.
 * @module
 */
import { KhopError } from '../error.ts';
import { rangeSize } from '../formats/range.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { WayHome } from '../plan/arch/architecture.ts';
import { planHome } from '../plan/plan-home.ts';
import { readKernels } from '../switch/choose-kernel.ts';
import { agreedPlan, propose } from '../switch/proposal.ts';
import type { GuardWorld } from './world.ts';

/** The parameter by which a kernel knows that a guard brought it home, and which one. */
export const GUARD_PARAMETER = 'khop.guard';

/** A way home, or why only the firmware leads there. */
export type HomePlan =
  | {
      readonly state: 'planned';
      readonly wayHome: WayHome;
      readonly title: string;
      readonly inputs: readonly string[];
    }
  | { readonly state: 'firmware'; readonly reason: string };

/** The id of the kernel that runs. @throws E_NOT_FOUND when no boot entry is it */
export function runningSelector(world: GuardWorld, machine: MachineFacts): string {
  const { kernels } = readKernels(world, machine);
  const running = kernels.find((kernel) => kernel.isRunning);
  if (running !== undefined) return running.id;
  const release = valueOf(machine.release) ?? 'unknown';
  throw new KhopError('E_NOT_FOUND', `no boot entry is the running kernel (${release})`, {
    hint: 'Name the kernels: `khop guard on --kernel K --home K`, with ids that `khop list` shows.',
  });
}

/**
 * The fastest way that fits: the kernel unpacked and its initramfs ready where there is room, else packed.
 * @param selector of the kernel to go home with
 * @param id of this arming, for the command line
 * @param roomBytes what the way home may take of the reservation
 */
export function planHomeKernel(
  world: GuardWorld,
  machine: MachineFacts,
  selector: string,
  id: string,
  roomBytes: bigint,
): HomePlan {
  if (roomBytes <= 0n)
    return { state: 'firmware', reason: 'the panic kernel alone needs all of the reservation' };
  try {
    const proposal = propose(world, selector, {
      method: 'segments',
      reuseCmdline: true,
      drop: [GUARD_PARAMETER],
      append: [`${GUARD_PARAMETER}=${id}`],
      fast: true,
      roomBytes,
    });
    const wayHome = planHome(agreedPlan(proposal), machine);
    const size = rangeSize(wayHome.region);
    if (size > roomBytes)
      return {
        state: 'firmware',
        reason: `the way home takes ${mib(size)} MiB of the reservation, and ${mib(roomBytes)} MiB are left`,
      };
    const { title, image, initrds } = proposal.kernel;
    return { state: 'planned', wayHome, title, inputs: [image, ...initrds] };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'firmware', reason: error.message };
  }
}

function mib(bytes: bigint): bigint {
  return bytes >> 20n;
}
