/**
 * Which services systemd has started again by itself. One that dies again and again is active at nearly every look, so only
 * the count of its restarts tells (NRestarts, systemd 235).
 * @module
 */
import type { UnitState } from '../../machine/units.ts';

/** About as long as a trial has: what lasted longer before cannot have died all the time. */
const LASTING_MS = 600_000;

/** Names of those that were started again since they were last given. */
export type StartedAgain = (units: readonly UnitState[]) => readonly string[];

/** Remembers the counts for as long as a trial goes on; one that is given for the first time has nothing to compare. */
export function rememberRestarts(): StartedAgain {
  const counts = new Map<string, number | undefined>();
  return (units) => {
    const counted = units.filter(({ restarts }) => restarts !== undefined);
    const again = counted.filter(({ name, restarts }) => (counts.get(name) ?? restarts) !== restarts);
    for (const { name, restarts } of counted) counts.set(name, restarts);
    return again.map(({ name }) => name);
  };
}

/** Whether it was started again a short while ago: some end as a matter of course, and others were ill before the jump. */
export function isRestless({ restarts, activeSinceMs }: UnitState, uptimeMs: number): boolean {
  if (restarts === undefined || restarts === 0 || activeSinceMs === undefined) return false;
  return uptimeMs - activeSinceMs < LASTING_MS;
}
