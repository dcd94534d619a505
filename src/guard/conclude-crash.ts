/**
 * The last step of a chain, taken by the kernel that came up after it: it writes down that somebody came home, and by
 * which way. The proof of a way without firmware is the guard's own parameter on the command line.
 * @module
 */

import { readFileText, readFolderNames } from '../machine/crash-folder.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { commandLineValue } from '../plan/command-line.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { parseChain } from './capture-chain.ts';
import { crashesFolder } from './crashes-folder.ts';
import { GUARD_PARAMETER } from './home-plan.ts';

/** How this boot is connected with a crash. */
export interface CrashConclusion {
  /** Ids of crashes that ended with this boot. */
  readonly crashes: readonly string[];
  /** Whether a guard brought this kernel up without firmware. */
  readonly isHomeByKexec: boolean;
}

/** Adds `home` to every chain that has none. Says nothing of crashes that were concluded before. */
export function concludeCrashes(world: SwitchWorld, machine: MachineFacts): CrashConclusion {
  const isHomeByKexec = commandLineValue(valueOf(machine.commandLine) ?? '', GUARD_PARAMETER) !== undefined;
  const folder = crashesFolder(world.folders);
  const upMs = Math.round(valueOf(machine.uptimeMs) ?? 0);
  const crashes = (valueOf(readFolderNames(folder)) ?? []).filter((id) => {
    const chain = readFileText(`${folder}/${id}`, 'chain.txt');
    if (chain.state !== 'read' || parseChain(chain.value).steps.some(({ step }) => step === 'home'))
      return false;
    world.files.append(`${folder}/${id}/chain.txt`, `home ${upMs} ${isHomeByKexec ? 'kexec' : 'firmware'}\n`);
    return true;
  });
  return { crashes, isHomeByKexec };
}
