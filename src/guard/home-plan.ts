/**
 * The plan of the known-good kernel, which the guard goes home with.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { WayHome } from '../plan/arch/architecture.ts';
import { planHome } from '../plan/plan-home.ts';
import { readKernels } from '../switch/choose-kernel.ts';
import { agreedPlan, propose } from '../switch/proposal.ts';
import type { GuardWorld } from './world.ts';

/** The parameter by which a kernel knows that a guard brought it home, and which one. */
export const GUARD_PARAMETER = 'khop.guard';

/** Bytes for a report in memory: a kernel log of Debian's size fits, and of a longer one the end. */
const REPORT_ROOM = 0x4_0000;

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
 * @param selector of the kernel to go home with
 * @param id of this arming, for the command line
 */
export function planHomeKernel(
  world: GuardWorld,
  machine: MachineFacts,
  selector: string,
  id: string,
): HomePlan {
  try {
    const proposal = propose(world, selector, {
      method: 'segments',
      reuseCmdline: true,
      append: [`${GUARD_PARAMETER}=${id}`],
      reportRoom: REPORT_ROOM,
    });
    return {
      state: 'planned',
      wayHome: planHome(agreedPlan(proposal), machine),
      title: proposal.kernel.title,
      inputs: [proposal.kernel.image, ...proposal.kernel.initrds],
    };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'firmware', reason: error.message };
  }
}
