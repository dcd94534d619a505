/**
 * Where the firmware's way leads: to the boot loader's default, which a distribution moves to a kernel as it installs it,
 * proven or not. Every way home that is not by kexec is that one.
 * @module
 */
import { KhopError } from '../error.ts';
import type { BootLoaderState } from '../kernels/boot-loader-state.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import type { BootLoaderPlan } from '../plan/boot-loader/boot-loader-plan.ts';
import { defaultEntryOf, hasOneShotEntry, planDefaultEntry } from '../plan/boot-loader/change-boot-loader.ts';
import { bootLoaderOptions } from '../switch/boot-loader-options.ts';
import { chooseKernel, readKernels } from '../switch/choose-kernel.ts';
import type { GuardSettings } from './guard-settings.ts';
import { runningSelector } from './home-plan.ts';
import type { GuardWorld } from './world.ts';

/** A start that is another than a wanted one, or may be. */
export interface OtherStart {
  /** The kernel that is the default; undefined when nobody knows it, or when the wanted one is, but not for long. */
  readonly kernel: Kernel | undefined;
  /** One clause. */
  readonly words: string;
  /** What makes the wanted kernel the default, or why that cannot be done. */
  readonly change:
    | { readonly state: 'planned'; readonly plan: BootLoaderPlan }
    /** `obstacle` is a clause; undefined: there is nothing to change. */
    | { readonly state: 'impossible'; readonly obstacle: string | undefined };
}

/** Undefined when the firmware starts `kernel`, now and later. Changes nothing. */
export async function findOtherStart(world: GuardWorld, kernel: Kernel): Promise<OtherStart | undefined> {
  const { kernels } = readKernels(world, world.readMachine());
  const options = bootLoaderOptions(world);
  const state = await readState(world);
  // The list of kernels does not know which of them U-Boot starts; its variable does.
  const isByVariable = !(state instanceof KhopError) && state.kind === 'u-boot';
  const chosen = isByVariable
    ? kernels.find(({ image }) => image === defaultEntryOf(state, options))
    : kernels.find(({ isDefault }) => isDefault);
  const isNext = chosen?.image === kernel.image;
  // Where nobody knows the boot loader, nobody has set an entry for one start.
  if (isNext && (state instanceof KhopError || !hasOneShotEntry(state))) return undefined;
  const words = isNext
    ? 'it is set for the next start alone'
    : chosen === undefined
      ? 'the boot loader’s default is not known'
      : `${chosen.title} is the default`;
  const end = (change: OtherStart['change']) => ({ kernel: isNext ? undefined : chosen, words, change });
  try {
    if (state instanceof KhopError) throw state;
    const plan = planDefaultEntry(state, kernel, options);
    if ((isNext || isByVariable) && plan.steps.length === 0) return undefined;
    const [obstacle] = world.bootLoader.obstacles(plan.steps);
    if (obstacle === undefined && plan.steps.length > 0) return end({ state: 'planned', plan });
    return end({ state: 'impossible', obstacle });
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return end({ state: 'impossible', obstacle: `that cannot be changed: ${error.message}` });
  }
}

async function readState(world: GuardWorld): Promise<BootLoaderState | KhopError> {
  try {
    return await world.bootLoader.read();
  } catch (error) {
    if (error instanceof KhopError) return error;
    throw error;
  }
}

/** Where a guarded machine comes to by the firmware. */
export type FirmwareWay =
  | { readonly leadsTo: 'home' }
  | {
      readonly leadsTo: 'another' | 'unknown';
      /** What it does, e.g. `starts Debian 6.12, not Debian 6.1`. */
      readonly words: string;
      readonly remedy: string;
    };

/** Compares with the kernel to come home with when there is no loop. */
export async function readFirmwareWay(
  world: GuardWorld,
  machine: MachineFacts,
  { home: selector }: Pick<GuardSettings, 'home'>,
): Promise<FirmwareWay> {
  try {
    const home = chooseKernel(world, machine, selector ?? runningSelector(world, machine));
    const other = await findOtherStart(world, home);
    if (other === undefined) return { leadsTo: 'home' };
    const { kernel, words } = other;
    const [name, back] = [nameOf(home), `make ${nameOf(home)} the boot loader’s default`];
    if (kernel === undefined)
      return {
        leadsTo: 'unknown',
        words: `may start another kernel than ${name}: ${words}`,
        remedy: back,
      };
    return {
      leadsTo: 'another',
      words: `starts ${nameOf(kernel)}, not ${name}`,
      remedy: `prove that one (khop switch ${kernel.id}), or ${back}`,
    };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return {
      leadsTo: 'unknown',
      words: `starts a kernel that is not known: ${error.message}`,
      remedy: error.hint,
    };
  }
}

/** Menus often name the default without its release. */
function nameOf({ title, release }: Kernel): string {
  return release === undefined || title.includes(release) ? title : `${title} (${release})`;
}
