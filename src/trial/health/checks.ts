/**
 * All checks of a kernel on trial, and running those of a phase.
 * @module
 */

import { TRIAL_PHASES } from '../trial-words.ts';
import type { Baseline } from './baseline.ts';
import type { AskingPhase, CheckInput, CheckOutcome, CheckResult, HealthCheck } from './check.ts';
import { FILE_SYSTEM_CHECKS } from './file-system-checks.ts';
import { HARDWARE_CHECKS } from './hardware-checks.ts';
import { KERNEL_CHECKS } from './kernel-checks.ts';
import { NETWORK_CHECKS } from './network-checks.ts';
import { RESTART_CHECKS } from './restart-checks.ts';
import { SCRIPT_CHECKS } from './script-checks.ts';
import type { HealthSettings } from './settings.ts';
import { SOCKET_CHECKS } from './socket-checks.ts';
import { START_CHECKS } from './start-checks.ts';
import { UNIT_CHECKS } from './unit-checks.ts';
import type { HealthWorld } from './world.ts';

/** In the order in which they are reported; described in docs/trial-checks.md. */
export const HEALTH_CHECKS: readonly HealthCheck[] = [
  ...START_CHECKS,
  ...HARDWARE_CHECKS,
  ...FILE_SYSTEM_CHECKS,
  ...KERNEL_CHECKS,
  ...NETWORK_CHECKS,
  ...UNIT_CHECKS,
  ...RESTART_CHECKS,
  ...SOCKET_CHECKS,
  ...SCRIPT_CHECKS,
];

/**
 * What has passed may end: a driver warns when its device is first used, an interface goes down. So later phases ask
 * again, and while somebody is to confirm, what a kernel breaks by itself: what he stops is his affair.
 */
function isAskedIn(asking: AskingPhase, { phase, isOnce }: HealthCheck): boolean {
  if (asking === phase) return true;
  if (isOnce === true) return false;
  return asking === 'proof' ? phase === 'system' : TRIAL_PHASES.indexOf(phase) < TRIAL_PHASES.indexOf(asking);
}

/**
 * Runs the checks of a phase, and of those before it, once. The phase is over when all required ones have passed; a
 * required one that failed ends the trial; those that wait are to be asked again, until the phase's deadline.
 * @throws what `world.signal` was aborted with
 */
export async function runChecks(
  world: HealthWorld,
  baseline: Baseline,
  settings: HealthSettings,
  phase: AskingPhase,
): Promise<readonly CheckResult[]> {
  const input = { world: askingOnce(world), baseline, settings };
  const checks = HEALTH_CHECKS.filter((check) => isAskedIn(phase, check));
  const results = await Promise.all(
    checks.filter(({ isLast }) => !isLast).map((check) => runCheck(check, input)),
  );
  for (const check of checks.filter(({ isLast }) => isLast)) {
    const first = results.find(({ isRequired, state }) => isRequired && state !== 'passed');
    results.push(
      first === undefined ? await runCheck(check, input) : resultOf(check, settings, heldBack(first)),
    );
  }
  return results;
}

/** Some checks look at all units, or at how far the start is; systemd, which is busy with it, is asked once a round. */
function askingOnce(world: HealthWorld): HealthWorld {
  let units: ReturnType<HealthWorld['units']['list']> | undefined;
  let state: ReturnType<HealthWorld['units']['systemState']> | undefined;
  return {
    ...world,
    units: {
      ...world.units,
      list: () => {
        units ??= world.units.list();
        return units;
      },
      systemState: () => {
        state ??= world.units.systemState();
        return state;
      },
    },
  };
}

function heldBack({ id }: CheckResult): CheckOutcome {
  return { state: 'waiting', detail: `not run before ${id} has passed` };
}

/** A check that breaks has not shown that the system is well; a wanted one fails no trial even so. */
async function runCheck(check: HealthCheck, input: CheckInput): Promise<CheckResult> {
  const { signal } = input.world;
  signal.throwIfAborted();
  let outcome: CheckOutcome;
  try {
    outcome = await check.run(input);
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    outcome = { state: 'failed', detail: `the check itself broke: ${message}` };
  }
  signal.throwIfAborted();
  return resultOf(check, input.settings, outcome);
}

function resultOf(
  { id, phase, isRequired }: HealthCheck,
  settings: HealthSettings,
  outcome: CheckOutcome,
): CheckResult {
  return { id, phase, isRequired: isRequired && !settings.ignore.includes(id), ...outcome };
}
