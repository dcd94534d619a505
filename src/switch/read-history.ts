/**
 * Reading the history. What is in flight is not in it: see arrive.ts.
 * @module
 */
import { decodeHistory, type History } from './history.ts';
import { historyPath } from './state-paths.ts';
import type { SwitchWorld } from './world.ts';

/** An empty history when there is no file yet. */
export function readHistory(world: SwitchWorld): History {
  const path = historyPath(world.folders);
  return decodeHistory(world.files.read(path) ?? '', path);
}
