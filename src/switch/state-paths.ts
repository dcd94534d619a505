/**
 * Where the state files lie.
 * @module
 */
import type { KexecSlot } from '../plan/load-plan.ts';
import type { Folders } from './world.ts';

export function ticketPath(folders: Folders): string {
  return `${folders.state}/trial.json`;
}

export function historyPath(folders: Folders): string {
  return `${folders.state}/history.jsonl`;
}

/** What is loaded to be jumped to, and no ticket tells of; see load-end.ts. */
export function keptLoadPath(folders: Folders): string {
  return `${folders.state}/loaded.json`;
}

/** There when a switch led to this boot. */
export function arrivedPath(folders: Folders): string {
  return `${folders.run}/arrived`;
}

/** There when this boot's trial was confirmed, with its id: the history may be gone, and the command line stays. */
export function confirmedPath(folders: Folders): string {
  return `${folders.run}/confirmed`;
}

export function loadedRecordPath(folders: Folders, slot: KexecSlot): string {
  return `${folders.run}/loaded-${slot}.json`;
}
