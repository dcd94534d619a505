/**
 * State that cannot be read must not stand in the way, and must not be lost.
 * @module
 */
import type { SwitchWorld } from '../switch/world.ts';

/** Where `moveAside` puts it: `trial.json.damaged-2026-11-29T054928Z`. */
export function asideOf(path: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '');
  return `${path}.damaged-${time}Z`;
}

/** Gives the file another name beside where it was, which is given back. */
export function moveAside(world: Pick<SwitchWorld, 'files' | 'nowMs'>, path: string): string {
  const aside = asideOf(path, world.nowMs());
  world.files.rename(path, aside);
  return aside;
}
