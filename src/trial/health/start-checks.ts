/**
 * Whether the system has finished its start.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import { type CheckInput, type CheckOutcome, type HealthCheck, notReadable, passed } from './check.ts';
import type { HealthWorld } from './world.ts';

export const START_CHECKS: readonly HealthCheck[] = [
  { id: 'system.finished', phase: 'system', isRequired: true, isOnce: true, run: checkFinished },
];

/** `unknown` is what systemctl prints when systemd does not answer, as while it executes itself anew. */
const UNFINISHED: ReadonlySet<string> = new Set(['initializing', 'starting', 'unknown']);

/**
 * `starting` lasts until no job is left, also one that nothing waits for; then the default target counts.
 * `degraded` is for services.units to judge, which knows what had failed before. Only the emergency shell stays.
 */
async function checkFinished({ world }: CheckInput): Promise<CheckOutcome> {
  const state = await world.units.systemState();
  if (state.state === 'absent') return passed('there is no systemd whose start could be waited for');
  if (state.state === 'unreadable') return notReadable(state, 'waiting');
  if (state.value === 'running' || state.value === 'degraded') return passed(`systemd is ${state.value}`);
  if (state.value === 'maintenance')
    return {
      state: 'failed',
      detail: `systemd is ${state.value}`,
      remedy: 'Look with `systemctl --failed` and `journalctl -b -p err` what kept the system from starting.',
    };
  const target = await world.units.show(['default.target']);
  if (target.state === 'read' && target.value[0]?.active === 'active')
    return passed(`systemd is ${state.value}, and its default target is reached`);
  return {
    state: 'waiting',
    detail: `systemd is ${state.value}`,
    remedy: '`systemctl list-jobs` shows what it waits for.',
  };
}

/** What was added to a running machine is no part of the map that a kernel starts with: udev puts it on line. */
const HOTPLUG_MS = 30_000;

/** Of what is not as before: less may still become more while the system starts; more is none of a kernel's faults. */
export async function stateOfMissing({ uptimeMs, units }: HealthWorld): Promise<'waiting' | 'failed'> {
  if (uptimeMs() < HOTPLUG_MS) return 'waiting';
  const state = await units.systemState();
  if (state.state === 'unreadable') return 'waiting';
  return UNFINISHED.has(valueOf(state) ?? '') ? 'waiting' : 'failed';
}
