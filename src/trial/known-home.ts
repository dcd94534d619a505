/**
 * Whether the files of the kernel to come home to are those that are known to be good. A package update may have replaced
 * them in place: then every way home would start what has never run here.
 * @module
 */
import { KhopError } from '../error.ts';
import { compareWithRunning } from '../guard/running-build.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { type KnownGoodGeneration, readKnownGood, verifyGeneration } from './known-good.ts';

/**
 * One sentence; undefined where nothing speaks against it.
 * @param plan to start `home`, if there is one
 */
export function whyNotKnownHome(
  world: SwitchWorld,
  machine: MachineFacts,
  home: Kernel,
  plan: LoadPlan | undefined,
): string | undefined {
  const build = compareWithRunning(machine, home, plan);
  if (build.state === 'another') return build.reason;
  const generations = confirmedAs(world, home).filter(
    // One that says it is the running build proves itself, whatever was confirmed under its name before an update.
    (generation) => build.state !== 'same' || isOfRunning(generation, machine),
  );
  const isKnown = generations.length === 0 || generations.some((generation) => isUnchanged(generation, home));
  return isKnown ? undefined : `${home.image} has changed since it was confirmed`;
}

/** A file that is damaged knows nothing, and the next confirmation moves it aside. */
function confirmedAs(world: SwitchWorld, { image, release }: Kernel): readonly KnownGoodGeneration[] {
  try {
    return readKnownGood(world).filter((one) => one.image === image && one.release === (release ?? null));
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return [];
  }
}

/** Builds that are to be reproducible may all have one version, so the digest counts beside it. */
function isOfRunning({ version, bootId }: KnownGoodGeneration, machine: MachineFacts): boolean {
  const isOfThisBoot = bootId !== null && bootId === valueOf(machine.bootId);
  return isOfThisBoot || (version !== undefined && version === valueOf(machine.version));
}

/** Of its image: an initrd is rebuilt now and then. */
function isUnchanged(generation: KnownGoodGeneration, { image }: Kernel): boolean {
  const files = generation.files.filter(({ path }) => path === image);
  return verifyGeneration({ ...generation, files }).length === 0;
}
