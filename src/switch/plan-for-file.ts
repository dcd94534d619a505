/**
 * A plan for an image file with nothing around it: what the compatibility name loads.
 * @module
 */
import { readKernelAtPath } from '../kernels/by-path.ts';
import { readKernelFiles, readNamedFile } from '../kernels/kernel-files.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { appendArguments, reusableCommandLine } from '../plan/command-line.ts';
import type { KexecSlot, LoadMethod, LoadPlan } from '../plan/load-plan.ts';
import { planLoad } from '../plan/plan-load.ts';
import { withoutOneBoot } from './one-boot.ts';
import type { SwitchWorld } from './world.ts';

/** What kexec's command line gives. */
export interface FilePlanOptions {
  readonly kernel: string;
  readonly initrd: string | undefined;
  readonly dtb: string | undefined;
  /** Undefined: the running kernel's. */
  readonly commandLine: string | undefined;
  readonly append: string | undefined;
  readonly method: LoadMethod | 'auto';
  readonly slot: KexecSlot;
}

/**
 * @returns the machine, and the plan when it is asked for: the caller may have a reason to end before
 * @throws E_NOT_FOUND, E_UNREADABLE for files; the plan throws E_PLAN, E_FORMAT
 */
export function planForFile(
  world: SwitchWorld,
  options: FilePlanOptions,
): { readonly machine: MachineFacts; readonly plan: () => LoadPlan } {
  const machine = world.readMachine();
  const kernel = readKernelAtPath(options.kernel, {
    cacheFolder: world.folders.cache,
    running: undefined,
  });
  const files = readKernelFiles({ ...kernel, initrds: [], problems: [] });
  const base = options.commandLine ?? reusableCommandLine(valueOf(machine.commandLine) ?? '', options.slot);
  // Scripts hand over all of /proc/cmdline.
  const commandLine = withoutOneBoot(appendArguments(base, options.append ?? ''));
  let made: LoadPlan | undefined;
  const plan = () => {
    made ??= planLoad({
      kernel,
      image: files.image,
      initrds: options.initrd === undefined ? [] : [readNamedFile(options.initrd)],
      deviceTree: options.dtb === undefined ? undefined : readNamedFile(options.dtb),
      machine,
      commandLine,
      method: options.method,
      slot: options.slot,
      entropy: world.entropy(256),
    });
    return made;
  };
  return { machine, plan };
}
