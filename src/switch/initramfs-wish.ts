/**
 * How an initramfs shall be prepared for a start that is planned.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import type { InitramfsPacking } from '../plan/initramfs/pack-initramfs.ts';
import type { InitramfsWish } from '../prepare/prepare-initramfs.ts';
import { withoutAddedParameters } from './added-parameters.ts';
import type { History, SwitchHistoryEntry } from './history.ts';
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
  const last = lastTrimmed(history, start);
  const isDistrusted = last !== undefined && hasFailed(last);
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
 * The newest switch to that kernel with a trimmed initramfs that was concluded: what others did after it says nothing
 * of what was left out.
 */
function lastTrimmed({ entries }: History, { image, release }: PlannedStart): SwitchHistoryEntry | undefined {
  return entries.findLast(
    (entry): entry is SwitchHistoryEntry =>
      entry.kind === 'switch' &&
      entry.image === image &&
      entry.toRelease === (release ?? null) &&
      entry.outcome !== 'abandoned' &&
      entry.optimisations.includes('trim'),
  );
}
