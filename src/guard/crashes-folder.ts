/**
 * Where reports of crashes lie.
 * @module
 */
import type { Folders } from '../switch/world.ts';

/** A folder each. */
export function crashesFolder(folders: Folders): string {
  return `${folders.state}/crashes`;
}
