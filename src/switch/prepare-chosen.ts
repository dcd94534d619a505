/**
 * Preparing the kernel that a person, or a package manager's hook, names.
 * @module
 */
import { type PrepareOutcome, prepareKernel } from '../prepare/prepare-kernel.ts';
import { type PreparedEntry, removeOutdated } from '../prepare/prepared-store.ts';
import { chooseKernel } from './choose-kernel.ts';
import type { SwitchWorld } from './world.ts';

/** @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for a kernel that cannot be found, read or used */
export function prepareChosen(
  world: SwitchWorld,
  selector: string | undefined,
  options: { readonly initrd?: readonly string[] | undefined; readonly isForced: boolean },
): { readonly outcome: PrepareOutcome; readonly removed: readonly PreparedEntry[] } {
  const machine = world.readMachine();
  const kernel = chooseKernel(world, machine, selector);
  const removed = removeOutdated(world.folders.cache);
  const outcome = prepareKernel(
    { cacheFolder: world.folders.cache, nowMs: world.nowMs },
    {
      image: kernel.image,
      initrds: options.initrd ?? kernel.initrds,
      release: kernel.release,
      isForced: options.isForced,
    },
  );
  return { outcome, removed };
}
