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
import { planDefaultEntry } from '../plan/boot-loader/change-boot-loader.ts';
import { readKernels } from '../switch/choose-kernel.ts';

/** Whether the firmware leads to the known-good kernel. */
export type HomeDefault =
  | { readonly state: 'already' }
  /** It will, once `plan` is carried out. */
  | { readonly state: 'planned'; readonly plan: BootLoaderPlan }
  | { readonly state: 'missing'; readonly reason: string };

/** Changes nothing. */
export async function planHomeDefault(world: GuardWorld, home: Kernel): Promise<HomeDefault> {
  const chosen = readKernels(world, world.readMachine()).kernels.find(({ isDefault }) => isDefault);
  if (chosen !== undefined && chosen.image === home.image) return { state: 'already' };
  const name =
    chosen === undefined ? 'the boot loader’s default is not known' : `${chosen.title} is the default`;
  try {
    const plan = planDefaultEntry(await world.bootLoader.read(), home);
    const [obstacle] = world.bootLoader.obstacles(plan.steps);
    if (obstacle === undefined && plan.steps.length > 0) return { state: 'planned', plan };
    return { state: 'missing', reason: obstacle === undefined ? name : `${name}, and ${obstacle}` };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { state: 'missing', reason: `${name}, and that cannot be changed: ${error.message}` };
  }
}
