/**
 * How an initramfs shall be prepared for a start that is planned.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import type { InitramfsPacking } from '../plan/initramfs/pack-initramfs.ts';
import type { InitramfsWish } from '../prepare/prepare-initramfs.ts';
import { withoutAddedParameters } from './added-parameters.ts';
import type { History, LoadHistoryEntry, SwitchHistoryEntry } from './history.ts';
import type { SwitchWorld } from './world.ts';

/** The start that it is for. */
export interface PlannedStart {
  readonly release: string | undefined;
  readonly image: string;
  /** Without what a fast switch adds: what was prepared before anybody thought of one is to be found again. */
  readonly commandLine: string;
  /** Whether modules that this machine does not use may be left out. */
  readonly isTrimAllowed: boolean;
  readonly packing: InitramfsPacking;
}

/**
 * After a trimmed initramfs did not arrive, those of this kernel are complete from then on: whatever was missing is
 * there again, without anybody having to know what it was.
 */
export function initramfsWish(
  world: SwitchWorld,
  machine: MachineFacts,
  history: History,
  start: PlannedStart,
): InitramfsWish {
  const isDistrusted = lastTrimmedEnd(history, start) === 'failed';
  return {
    release: start.release,
    commandLine: withoutAddedParameters(start.commandLine),
    runningCommandLine: machine.commandLine,
    needs: start.isTrimAllowed && !isDistrusted ? world.readInitramfsNeeds() : undefined,
    untrimmedBecause: isDistrusted
      ? 'the last switch to this kernel with a trimmed one did not arrive'
      : 'left out by --without',
    packing: start.packing,
  };
}

/** A trial that somebody ended says nothing of its initramfs. */
function hasFailed({ outcome, trial }: SwitchHistoryEntry): boolean {
  return outcome === 'elsewhere' || (outcome === 'returned' && trial?.cause !== 'asked');
}

/**
 * How the newest switch to that kernel with a trimmed initramfs ended, of those that were concluded: what others did after
 * it says nothing of what was left out. Of a trial whose ticket was lost, the load before it tells what it was. What was
 * loaded without a ticket and never came up is not known from what was loaded and never jumped to.
 */
function lastTrimmedEnd({ entries }: History, start: PlannedStart): 'arrived' | 'failed' | undefined {
  let last: 'arrived' | 'failed' | undefined;
  let wasLoaded = false;
  for (const entry of entries) {
    // That kernel itself loads the one that it goes home to.
    if (entry.kind === 'load' && entry.slot === 'normal' && entry.fromRelease !== start.release)
      wasLoaded = isTrimmedStart(entry, start);
    if (entry.kind === 'trial-lost' && wasLoaded && entry.cause !== 'asked') last = 'failed';
    if (entry.kind === 'switch' && entry.outcome !== 'abandoned' && isTrimmedStart(entry, start))
      last = hasFailed(entry) ? 'failed' : 'arrived';
    if (entry.kind === 'switch' || entry.kind === 'trial-lost') wasLoaded = false;
  }
  return last;
}

function isTrimmedStart(
  entry: Pick<SwitchHistoryEntry | LoadHistoryEntry, 'image' | 'toRelease' | 'optimisations'>,
  { image, release }: PlannedStart,
): boolean {
  const isKernel = entry.image === image && entry.toRelease === (release ?? null);
  return isKernel && entry.optimisations?.includes('trim') === true;
}
