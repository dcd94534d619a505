/**
 * Keeping what crashes leave within bounds: a machine that crashes again and again must not fill its disk. The newest
 * crash is never touched, nor one of which nobody knows yet how it ended.
 * @module
 */
import { KhopError } from '../error.ts';
import { readFileText, readFolderNames, removeCrashFiles, sizesOnDisk } from '../machine/crash-folder.ts';
import { valueOf } from '../machine/reading.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { parseChain } from './capture-chain.ts';
import { crashesFolder } from './crashes-folder.ts';
import { DEFAULT_GUARD_SETTINGS, type GuardSettings } from './guard-settings.ts';
import { readGuardSettings } from './guard-status.ts';

/** One thing that is no longer there. */
export interface RemovedCrash {
  readonly what: 'crash' | 'dump';
  readonly id: string;
  /** That it took on disk. */
  readonly bytes: number;
}

/** What was removed, oldest first, and one sentence for each thing that could not be. */
interface Removal {
  readonly removed: readonly RemovedCrash[];
  readonly remarks: readonly string[];
}

const DUMPS = ['vmcore', 'vmcore.incomplete'];
/** As the capture program names them. What people put beside them is not ours. */
const CRASH = /^\d{4}-\d\d-\d\dT\d{6}Z/;

/** Removes whole crashes beyond the number that is kept, and dumps beyond theirs. Never throws. */
export function removeOldCrashes(world: SwitchWorld): Removal {
  const folder = crashesFolder(world.folders);
  const remarks: string[] = [];
  const { keepCrashes, keepDumps } = settingsOf(world, remarks);
  // Names begin with the time, so their order is that of the crashes.
  const ids = (valueOf(readFolderNames(folder)) ?? []).filter((id) => CRASH.test(id));
  const removed: RemovedCrash[] = [];
  const attempt = (what: RemovedCrash['what'], id: string, bytes: number, paths: readonly string[]) => {
    try {
      for (const path of paths) removeCrashFiles(path);
      removed.push({ what, id, bytes });
    } catch (error) {
      remarks.push(`${folder}/${id} cannot be removed: ${(error as Error).message}`);
    }
  };
  const dumpsOf = (id: string) => sizesOnDisk(`${folder}/${id}`, DUMPS);
  const bytesOf = (id: string) => dumpsOf(id).reduce((sum, { bytes }) => sum + bytes, 0);
  const isOver = (id: string) => id !== ids.at(-1) && isConcluded(folder, id);
  const tooMany = ids.slice(0, Math.max(0, ids.length - keepCrashes)).filter(isOver);
  for (const id of tooMany) attempt('crash', id, bytesOf(id), [`${folder}/${id}`]);
  const withDump = ids.filter((id) => dumpsOf(id).length > 0);
  for (const id of withDump.slice(0, Math.max(0, withDump.length - keepDumps)).filter(isOver))
    attempt(
      'dump',
      id,
      bytesOf(id),
      dumpsOf(id).map(({ name }) => `${folder}/${id}/${name}`),
    );
  return { removed, remarks };
}

function isConcluded(folder: string, id: string): boolean {
  const chain = readFileText(`${folder}/${id}`, 'chain.txt');
  return chain.state === 'read' && parseChain(chain.value).steps.some(({ step }) => step === 'home');
}

/** Where the guard was turned off, or its settings are damaged, the usual numbers hold. */
function settingsOf(world: SwitchWorld, remarks: string[]): GuardSettings {
  try {
    return readGuardSettings(world) ?? DEFAULT_GUARD_SETTINGS;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    remarks.push(error.message);
    return DEFAULT_GUARD_SETTINGS;
  }
}
