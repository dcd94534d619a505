/**
 * The last step of a chain, taken by the kernel that came up after it: it writes down that somebody came home, and by
 * which way. The proof of a way without firmware is the guard's own parameter on the command line.
 * @module
 */

import { readFileText, readFolderNames } from '../machine/crash-folder.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { parseChain } from './capture-chain.ts';
import { keepCarriedReport } from './carried-report.ts';
import { crashIdsAmong } from './crash-store.ts';
import { crashesFolder } from './crashes-folder.ts';
import { type GuardReturn, guardReturnOf } from './guard-return.ts';

/** How this boot is connected with a crash. */
export interface CrashConclusion {
  /** Ids of crashes that ended with this boot. */
  readonly crashes: readonly string[];
  /** Whether a guard brought this kernel up without firmware. */
  readonly isHomeByKexec: boolean;
  /** What is wrong with the report that came home in memory; undefined when nothing is, or there is none. */
  readonly problem: string | undefined;
}

/**
 * Writes the report that came home in memory, if no disk has it, and adds `home` to every chain that has none. Says
 * nothing of crashes that were concluded before.
 */
export function concludeCrashes(world: SwitchWorld, machine: MachineFacts): CrashConclusion {
  const guardReturn = guardReturnOf(valueOf(machine.commandLine) ?? '');
  const isHomeByKexec = guardReturn !== undefined;
  const problems = guardReturn === undefined ? [] : [keepCarriedReport(world, guardReturn.arming).problem];
  const folder = crashesFolder(world.folders);
  const upMs = Math.round(valueOf(machine.uptimeMs) ?? 0);
  const crashes = crashIdsAmong(valueOf(readFolderNames(folder)) ?? []).filter((id) => {
    const chain = readFileText(`${folder}/${id}`, 'chain.txt');
    if (chain.state !== 'read' || parseChain(chain.value).steps.some(({ step }) => step === 'home'))
      return false;
    try {
      world.files.append(
        `${folder}/${id}/chain.txt`,
        `home ${upMs} ${guardReturn === undefined ? 'firmware' : describeReturn(guardReturn)}\n`,
      );
    } catch (error) {
      problems.push(`${folder}/${id}/chain.txt cannot be written: ${(error as Error).message}`);
    }
    return true;
  });
  const problem = problems.find((each) => each !== undefined);
  return { crashes, isHomeByKexec, problem };
}

/** `kexec`, or `kexec, return 3 of a series`. */
function describeReturn({ returns }: GuardReturn): string {
  return returns === 1 ? 'kexec' : `kexec, return ${returns} of a series`;
}
