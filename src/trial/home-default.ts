/**
 * The boot loader's default while a kernel is on trial: it has to be the known-good kernel, since power may be cut at any
 * moment. A distribution that installs a kernel makes it the default at once, proven or not; then the default goes back
 * to the known-good kernel before the jump. Only a confirmation moves it on.
 * @module
 */
import { KhopError } from '../error.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { BootLoaderPlan } from '../plan/boot-loader/boot-loader-plan.ts';
import { hasOneShotEntry, planDefaultEntry } from '../plan/boot-loader/change-boot-loader.ts';
import { bootLoaderOptions } from '../switch/boot-loader-options.ts';
import { readKernels } from '../switch/choose-kernel.ts';

/** Whether the firmware leads to the known-good kernel. */
export type HomeDefault =
  | { readonly state: 'already' }
  /** It will, once `plan` is carried out. */
  | { readonly state: 'planned'; readonly plan: BootLoaderPlan }
  | { readonly state: 'missing'; readonly reason: string; readonly remedy: string };

const REMEDY = 'make the known-good kernel the boot loader’s default';

/** What is wrong with the files of the known-good kernel. */
export type HomeDamage = Pick<Extract<HomeDefault, { state: 'missing' }>, 'reason' | 'remedy'>;

/**
 * Changes nothing.
 * @param damage with it no default leads home, and nothing else does that has to read those files
 */
export async function planHomeDefault(
  world: GuardWorld,
  home: Kernel,
  damage: HomeDamage | undefined,
): Promise<HomeDefault> {
  if (damage !== undefined) return { state: 'missing', ...damage };
  const chosen = readKernels(world, world.readMachine()).kernels.find(({ isDefault }) => isDefault);
  const isNext = chosen?.image === home.image;
  if (isNext && !(await isForOneStart(world))) return { state: 'already' };
  const name = isNext
    ? 'it is set for the next start alone'
    : chosen === undefined
      ? 'the boot loader’s default is not known'
      : `${chosen.title} is the default`;
  try {
    const state = await world.bootLoader.read();
    const plan = planDefaultEntry(state, home, bootLoaderOptions(world));
    // The list of kernels does not know which of them U-Boot starts; its variable does.
    if ((isNext || state.kind === 'u-boot') && plan.steps.length === 0) return { state: 'already' };
    const [obstacle] = world.bootLoader.obstacles(plan.steps);
    if (obstacle === undefined && plan.steps.length > 0) return { state: 'planned', plan };
    return missing(obstacle === undefined ? name : `${name}, and ${obstacle}`);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return missing(`${name}, and that cannot be changed: ${error.message}`);
  }
}

/** The start after it may be that of the kernel on trial. Where nobody knows the boot loader, nobody has set such an entry. */
async function isForOneStart(world: GuardWorld): Promise<boolean> {
  try {
    return hasOneShotEntry(await world.bootLoader.read());
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return false;
  }
}

function missing(why: string): HomeDefault {
  return {
    state: 'missing',
    reason: `the firmware starts another kernel than the known-good one: ${why}`,
    remedy: REMEDY,
  };
}
