/**
 * The boot loader's default while a kernel is on trial: it has to be the known-good kernel, since power may be cut at any
 * moment. A distribution that installs a kernel makes it the default at once, proven or not; then the default goes back
 * to the known-good kernel before the jump. Only a confirmation moves it on.
 * @module
 */
import { findOtherStart } from '../guard/firmware-start.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { BootLoaderPlan } from '../plan/boot-loader/boot-loader-plan.ts';

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
  const other = await findOtherStart(world, home);
  if (other === undefined) return { state: 'already' };
  const { words, change } = other;
  if (change.state === 'planned') return change;
  const why = change.obstacle === undefined ? words : `${words}, and ${change.obstacle}`;
  return {
    state: 'missing',
    reason: `the firmware starts another kernel than the known-good one: ${why}`,
    remedy: REMEDY,
  };
}
