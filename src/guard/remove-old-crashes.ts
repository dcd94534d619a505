/**
 * Keeping what crashes leave within bounds: a machine that crashes again and again must not fill its disk. The newest
 * crash is never touched, nor one of which nobody knows yet how it ended, nor one that was concluded just now. Parts of
 * reports go when the whole is there.
 * @module
 */
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import {
  type DiskUse,
  readFileText,
  readFolderNames,
  removeCrashFiles,
  sizesOnDisk,
} from '../machine/crash-folder.ts';
import { valueOf } from '../machine/reading.ts';
import { findMount } from '../machine/report-place.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { parseChain } from './capture-chain.ts';
import { crashIdsAmong, partOf, wholeOf } from './crash-store.ts';
import { crashesFolder, DUMP_FILES, REPORT_FILES } from './crashes-folder.ts';
import { DEFAULT_GUARD_SETTINGS, type GuardSettings } from './guard-settings.ts';
import { readGuardSettings } from './guard-status.ts';
import type { ReportTarget } from './report-target.ts';

/** One thing that is no longer there. */
export interface RemovedCrash {
  /** `part`: what a capture did not get done. */
  readonly what: 'crash' | 'dump' | 'part';
  readonly id: string;
  /** That it took on disk. */
  readonly bytes: number;
}

/** What was removed, oldest first, and one sentence for each thing that could not be. */
interface Removal {
  readonly removed: readonly RemovedCrash[];
  readonly remarks: readonly string[];
}

/** As the capture program names them. What people put beside them is not ours. */
const CRASH = /^\d{4}-\d\d-\d\dT\d{6}Z/;

const LOGS = ['dmesg.txt', 'dmesg.txt.age'];

/**
 * Removes whole crashes beyond the number that is kept, and dumps beyond theirs. Never throws.
 * @param arrived ids of crashes that nobody was told of yet: by the clock of a machine that had lost the time, they are old
 */
export function removeOldCrashes(world: SwitchWorld, arrived: readonly string[] = []): Removal {
  const folder = crashesFolder(world.folders);
  const remarks: string[] = [];
  const removed: RemovedCrash[] = [];
  const { keepCrashes, keepDumps, to } = settingsOf(world, remarks);
  const attempt = (what: RemovedCrash['what'], id: string, bytes: number, paths: readonly string[]) => {
    try {
      for (const path of paths) removeCrashFiles(path);
      removed.push({ what, id, bytes });
    } catch (error) {
      remarks.push(`${id} cannot be removed: ${(error as Error).message}`);
    }
  };
  const mayGo = (id: string): boolean => !arrived.includes(id) && isConcluded(folder, id);
  for (const id of needlessParts(folder))
    attempt('part', id, sizeOf(sizesOnDisk(`${folder}/${id}`, REPORT_FILES)), [`${folder}/${id}`]);
  for (const id of oldest(crashNames(folder), keepCrashes).filter(mayGo))
    attempt('crash', id, sizeOf(dumpsOf(folder, id)), [`${folder}/${id}`, `${folder}/${partOf(id)}`]);
  const elsewhere = otherFolder(world.folders.root, to);
  for (const place of [folder, ...(elsewhere === undefined || elsewhere === folder ? [] : [elsewhere])]) {
    const withDump = crashNames(place).filter((id) => dumpsOf(place, id).length > 0);
    for (const id of oldest(withDump, keepDumps).filter(mayGo)) {
      const dumps = dumpsOf(place, id);
      attempt(
        'dump',
        id,
        sizeOf(dumps),
        place === folder ? dumps.map(({ name }) => `${place}/${id}/${name}`) : [`${place}/${id}`],
      );
    }
  }
  return { removed, remarks };
}

/** Names begin with the time, so their order is that of the crashes. A part beside its whole is no crash of its own. */
function crashNames(folder: string): readonly string[] {
  return crashIdsAmong(folderNames(folder));
}

function folderNames(folder: string): readonly string[] {
  return (valueOf(readFolderNames(folder)) ?? []).filter((id) => CRASH.test(id));
}

/** Parts whose whole has the log and is concluded; and those with nothing in them, once a newer crash is. */
function needlessParts(folder: string): readonly string[] {
  return folderNames(folder).filter((id) => {
    const whole = wholeOf(id);
    if (whole === undefined || !isConcluded(folder, id)) return false;
    return hasAny(`${folder}/${whole}`, LOGS) || !hasAny(`${folder}/${id}`, [...REPORT_FILES, ...DUMP_FILES]);
  });
}

function hasAny(place: string, names: readonly string[]): boolean {
  return sizesOnDisk(place, names).length > 0;
}

/** What is beyond the number; it is at least one. */
function oldest(ids: readonly string[], kept: number): readonly string[] {
  return ids.slice(0, Math.max(0, ids.length - kept));
}

/** Where the capture put dumps when it was not in the usual folder. Reports in it have been brought in. */
function otherFolder(root: string, to: ReportTarget): string | undefined {
  if (to.kind !== 'file-system') return undefined;
  const mountPoint = valueOf(findMount(root, to.uuid));
  return mountPoint === undefined ? undefined : join(root, mountPoint, to.folder);
}

function dumpsOf(folder: string, id: string): readonly DiskUse[] {
  return sizesOnDisk(`${folder}/${id}`, DUMP_FILES);
}

function sizeOf(files: readonly DiskUse[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Also one whose report is gone: it was concluded before it went. A part is when its whole is, and where there is none and
 * it has no steps, when a newer crash is: nobody will come for it any more.
 */
function isConcluded(folder: string, id: string): boolean {
  const whole = wholeOf(id);
  if (whole !== undefined && folderNames(folder).includes(whole)) return isHome(folder, whole);
  if (readFileText(`${folder}/${id}`, 'chain.txt').state !== 'absent') return isHome(folder, id);
  const names = crashNames(folder);
  if (!names.includes(id)) return true;
  return whole !== undefined && names.some((name) => name > id && isHome(folder, name));
}

function isHome(folder: string, id: string): boolean {
  const chain = valueOf(readFileText(`${folder}/${id}`, 'chain.txt'));
  return chain !== undefined && parseChain(chain).steps.some(({ step }) => step === 'home');
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
