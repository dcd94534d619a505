/**
 * Preparing the kernel that a person, or a package manager's hook, names.
 * @module
 */
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { appendArguments, reusableCommandLine, withoutArguments } from '../plan/command-line.ts';
import { type PrepareOutcome, prepareKernel } from '../prepare/prepare-kernel.ts';
import { removeOutdated } from '../prepare/prepared-removal.ts';
import type { PreparedEntry } from '../prepare/prepared-store.ts';
import { chooseKernel } from './choose-kernel.ts';
import { initramfsWish } from './initramfs-wish.ts';
import { readHistory } from './read-history.ts';
import type { SwitchWorld } from './world.ts';

/** As a switch without further options makes it. A bare file says nothing of its root: it is this system's. */
function startCommandLine(
  { append, drop }: SwitchWorld['configuration'],
  kernel: Kernel,
  machine: MachineFacts,
  given: string | undefined,
): string {
  const running = reusableCommandLine(valueOf(machine.commandLine) ?? '', 'normal');
  const own = given ?? (kernel.commandLine === '' ? running : kernel.commandLine);
  return appendArguments(withoutArguments(own, drop), append);
}

/** What a person asked for besides the kernel. */
export interface PrepareChoice {
  readonly initrd?: readonly string[] | undefined;
  /** What it will be started with, where that is not the kernel's own command line. */
  readonly commandLine?: string | undefined;
  readonly isForced: boolean;
}

/** @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for a kernel that cannot be found, read or used */
export function prepareChosen(
  world: SwitchWorld,
  selector: string | undefined,
  options: PrepareChoice,
): { readonly outcome: PrepareOutcome; readonly removed: readonly Pick<PreparedEntry, 'folder'>[] } {
  const machine = world.readMachine();
  const kernel = chooseKernel(world, machine, selector);
  const removed = removeOutdated(world.folders.cache);
  const outcome = prepareKernel(
    { cacheFolder: world.folders.cache, nowMs: world.nowMs },
    {
      ...initramfsWish(world, machine, readHistory(world), {
        release: kernel.release,
        image: kernel.image,
        commandLine: startCommandLine(world.configuration, kernel, machine, options.commandLine),
        isTrimAllowed: true,
        packing: 'none',
      }),
      image: kernel.image,
      initrds: options.initrd ?? kernel.initrds,
      isForced: options.isForced,
      memoryAvailableBytes: machine.memoryAvailableBytes,
    },
  );
  return { outcome, removed };
}
