/**
 * How an initramfs shall be prepared for a start that is planned.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import type { InitramfsPacking } from '../plan/initramfs/pack-initramfs.ts';
import type { InitramfsWish } from '../prepare/prepare-initramfs.ts';
import { withoutAddedParameters } from './added-parameters.ts';
import type { History, LoadEndHistoryEntry, LoadHistoryEntry, SwitchHistoryEntry } from './history.ts';
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

/** How the newest start with a trimmed initramfs ended, as far as it was not what was to be. */
type TrimmedEnd = 'failed' | 'doubtful' | 'doubtful-twice';

const UNTRIMMED_BECAUSE: Readonly<Record<TrimmedEnd, string>> = {
  failed: 'the last switch to this kernel with a trimmed one did not arrive',
  doubtful: 'the last load of this kernel with a trimmed one was not seen to arrive',
  'doubtful-twice': 'two loads of this kernel with a trimmed one were not seen to arrive',
};

/**
 * After a trimmed initramfs did not arrive, those of this kernel are complete from then on: whatever was missing is
 * there again, without anybody having to know what it was. After one of which nobody knows, they are until this kernel
 * has arrived; a second one has failed.
 */
export function initramfsWish(
  world: SwitchWorld,
  machine: MachineFacts,
  history: History,
  start: PlannedStart,
): InitramfsWish {
  const end = lastTrimmedEnd(history, start);
  return {
    release: start.release,
    commandLine: withoutAddedParameters(start.commandLine),
    runningCommandLine: machine.commandLine,
    needs: start.isTrimAllowed && end === undefined ? world.readInitramfsNeeds() : undefined,
    untrimmedBecause: end === undefined ? 'left out by --without' : UNTRIMMED_BECAUSE[end],
    packing: start.packing,
  };
}

/** A trial that somebody ended says nothing of its initramfs. */
function hasFailed({ outcome, trial }: SwitchHistoryEntry): boolean {
  return outcome === 'elsewhere' || (outcome === 'returned' && trial?.cause !== 'asked');
}

/** Loads that were not seen to arrive with a trimmed one, and none between that was. */
const FAILED_AFTER = 2;

/**
 * How the newest start of that kernel with a trimmed initramfs ended, of those that were concluded; undefined when it arrived,
 * or there is none. What others did after a failure says nothing of what was left out, but the doubt about a load that was
 * perhaps never jumped to is over when the kernel has arrived with any. Of a trial whose ticket was lost, the load before
 * it tells what it was.
 */
function lastTrimmedEnd({ entries }: History, start: PlannedStart): TrimmedEnd | undefined {
  let last: TrimmedEnd | undefined;
  let wasLoaded = false;
  let doubts = 0;
  for (const entry of entries) {
    // That kernel itself loads the one that it goes home to.
    if (entry.kind === 'load' && entry.slot === 'normal' && entry.fromRelease !== start.release)
      wasLoaded = isStart(entry, start) && isTrimmed(entry);
    if (entry.kind === 'trial-lost' && wasLoaded && entry.cause !== 'asked') last = 'failed';
    if ((entry.kind === 'switch' || entry.kind === 'load-end') && isStart(entry, start)) {
      if (isTrimmed(entry) && entry.outcome === 'arrived') doubts = 0;
      if (isTrimmed(entry) && entry.outcome === 'unknown') doubts += 1;
      last = doubts >= FAILED_AFTER ? 'doubtful-twice' : endAfter(last, entry);
    }
    if (entry.kind === 'switch' || entry.kind === 'load-end' || entry.kind === 'trial-lost')
      wasLoaded = false;
  }
  return last;
}

/** @param entry of a start of that kernel, behind one that ended with `last` */
function endAfter(
  last: TrimmedEnd | undefined,
  entry: SwitchHistoryEntry | LoadEndHistoryEntry,
): TrimmedEnd | undefined {
  if (entry.outcome === 'abandoned') return last;
  const isDoubtOver = entry.outcome === 'arrived' && last === 'doubtful';
  if (!isTrimmed(entry)) return isDoubtOver ? undefined : last;
  if (entry.kind === 'switch') return hasFailed(entry) ? 'failed' : undefined;
  return entry.outcome === 'arrived' ? undefined : (last ?? 'doubtful');
}

function isStart(
  { image, toRelease }: Pick<SwitchHistoryEntry, 'image' | 'toRelease'>,
  start: PlannedStart,
): boolean {
  return image === start.image && toRelease === (start.release ?? null);
}

function isTrimmed({ optimisations }: Pick<LoadHistoryEntry, 'optimisations'>): boolean {
  return optimisations?.includes('trim') === true;
}
