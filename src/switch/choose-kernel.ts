/**
 * From what a person typed to one kernel.
 * @module
 */
import { existsSync } from 'node:fs';
import { KhopError } from '../error.ts';
import { readKernelAtPath } from '../kernels/by-path.ts';
import { type Catalogue, findKernel, readCatalogue } from '../kernels/catalogue.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { readEfiLoaderVariables } from '../machine/efi-loader-variables.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { readMountedFileSystems } from '../machine/mounted-file-systems.ts';
import { valueOf } from '../machine/reading.ts';
import type { SwitchWorld } from './world.ts';

/** The kernels of the system below the world's root; marks compare with the machine when that is the root. */
export function readKernels(world: SwitchWorld, machine: MachineFacts): Catalogue {
  const known = world.remembered?.kernels;
  const catalogue = known?.catalogue ?? readAnew(world, machine);
  if (known !== undefined) known.catalogue = catalogue;
  return catalogue;
}

function readAnew(world: SwitchWorld, machine: MachineFacts): Catalogue {
  const { root } = world.folders;
  const { info, entryOneShot, entryDefault, entryLastBooted } = readEfiLoaderVariables(root);
  const last = valueOf(entryLastBooted);
  const loaderInfo = valueOf(info);
  // What `bootctl set-oneshot` has set, else `bootctl set-default`; a tree that does not run has no such variables.
  const variable = valueOf(entryOneShot) ?? valueOf(entryDefault);
  const chosen = variable === '@saved' ? last : variable;
  const running = runningKernel(machine);
  return readCatalogue({
    root,
    running,
    fileSystems: valueOf(readMountedFileSystems(root)) ?? [],
    // Of a tree that does not run nobody knows how its machine starts.
    ...(running === undefined ? {} : { firmware: machine.efi.state === 'absent' ? 'pc' : 'efi' }),
    ...(loaderInfo === undefined ? {} : { loaderInfo }),
    ...(chosen === undefined ? {} : { loaderEntryDefault: chosen }),
    ...(last === undefined ? {} : { loaderEntryLastBooted: last }),
  });
}

function runningKernel(machine: MachineFacts) {
  const release = valueOf(machine.release);
  if (release === undefined) return undefined;
  return {
    release,
    commandLine: valueOf(machine.commandLine) ?? '',
    architecture: machine.architecture,
  };
}

/**
 * @param selector id, release, title or path; undefined: the boot loader's default
 * @throws E_NOT_FOUND naming what there is; E_USAGE when it is ambiguous
 */
export function chooseKernel(
  world: SwitchWorld,
  machine: MachineFacts,
  selector: string | undefined,
): Kernel {
  if (selector !== undefined && isPath(selector))
    return readKernelAtPath(selector, { cacheFolder: world.folders.cache, running: runningKernel(machine) });
  const catalogue = readKernels(world, machine);
  if (selector !== undefined) return findKernel(catalogue, selector);
  const chosen =
    catalogue.kernels.find((kernel) => kernel.isDefault) ??
    catalogue.kernels.find((kernel) => kernel.isNewest);
  if (chosen !== undefined) return chosen;
  throw new KhopError('E_NOT_FOUND', 'no boot loader entry is the default, and /boot holds no kernel', {
    hint: 'Name a kernel: an id that `khop list` shows, a file, a .deb or a build tree.',
  });
}

function isPath(selector: string): boolean {
  return selector.includes('/') || (existsSync(selector) && /\.(deb|efi)$|^vmlinu/.test(selector));
}
