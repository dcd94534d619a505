/**
 * Whether systemd's units are as they were, and as the administrator wants them.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import type { UnitState } from '../../machine/units.ts';
import { isLastingUnit } from './baseline.ts';
import {
  type CheckInput,
  type CheckOutcome,
  compare,
  type HealthCheck,
  notReadable,
  outcomeOf,
  passed,
} from './check.ts';
import { matchesAny } from './name-pattern.ts';
import type { HealthSettings } from './settings.ts';
import type { HealthWorld } from './world.ts';

export const UNIT_REMEDY =
  '`systemctl status UNIT` and `journalctl -b -u UNIT` say why; name it in trial-ignore-units when that may be.';

export const UNIT_CHECKS: readonly HealthCheck[] = [
  {
    id: 'services.units',
    phase: 'services',
    isRequired: true,
    run: checkFailed,
  },
  {
    id: 'services.active',
    phase: 'services',
    isRequired: false,
    run: async ({ world, baseline }) =>
      compare(baseline.activeServices, await world.units.list(), judgeActive, 'waiting'),
  },
  { id: 'services.configured-units', phase: 'services', isRequired: true, run: checkConfigured },
];

/** They load what khop keeps them from while a trial is on: neither that they fail nor that they wait is the kernel's. */
const KERNEL_LOADERS: ReadonlySet<string> = new Set([
  'kdump-tools.service',
  'kdump.service',
  'kdump-early.service',
  'kexec-load.service',
]);

/** Whether it counts for nothing that the unit fails or dies. */
export function mayFail(name: string, { ignoredUnits }: HealthSettings): boolean {
  return KERNEL_LOADERS.has(name) || matchesAny(name, ignoredUnits);
}

/**
 * A unit that failed, and had not before: a oneshot as well, which is how a system says that a part of its start went
 * wrong. What a timer starts fails for reasons of that hour, unless it ran before.
 */
async function checkFailed({ world, baseline, settings }: CheckInput): Promise<CheckOutcome> {
  const activeBefore = baseline.activeServices.state === 'known' ? baseline.activeServices.value : [];
  const units = await world.units.list();
  const failedBefore = baseline.failedUnits.state === 'known' ? baseline.failedUnits.value : [];
  const failed = namesOf(valueOf(units) ?? [], 'failed').filter(
    (name) => isLastingUnit(name) && !mayFail(name, settings) && !failedBefore.includes(name),
  );
  const timed = await startedByTimer(
    world,
    failed.filter((name) => !activeBefore.includes(name)),
  );
  return compare(
    baseline.failedUnits,
    units,
    () =>
      judgeFailed(
        failed.filter((name) => !timed.includes(name)),
        [
          failedBefore.length === 0 ? 'no unit has failed' : 'no unit has failed that had not before',
          ...timed,
        ],
      ),
    'waiting',
  );
}

/** Of those that cannot be asked about, none. */
async function startedByTimer({ units }: HealthWorld, names: readonly string[]): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const found = valueOf(await units.show(names)) ?? [];
  return found
    .filter(({ triggeredBy }) => triggeredBy?.some((trigger) => trigger.endsWith('.timer')) === true)
    .map(({ name }) => name);
}

function judgeFailed(failed: readonly string[], [fine = '', ...timed]: readonly string[]): CheckOutcome {
  const problems = failed.map((name) => `${name} has failed`);
  const remark = timed.length === 0 ? '' : `; not counted, since a timer starts it: ${timed.join(', ')}`;
  return outcomeOf(problems, 'failed', `${fine}${remark}`, UNIT_REMEDY);
}

function namesOf(units: readonly UnitState[], active: string): string[] {
  return units.filter((unit) => unit.active === active).map(({ name }) => name);
}

/** What is not active may still be on its way, or be started by something else; what has failed is beyond hope. */
function judgeActive(before: readonly string[], now: readonly UnitState[]): CheckOutcome {
  const active = new Set([...namesOf(now, 'active'), ...namesOf(now, 'reloading')]);
  const missing = before.filter((name) => !active.has(name) && !KERNEL_LOADERS.has(name));
  const failed = namesOf(now, 'failed').filter((name) => missing.includes(name));
  return outcomeOf(
    missing.map((name) => `${name} is ${now.find((unit) => unit.name === name)?.active ?? 'not active'}`),
    failed.length > 0 ? 'failed' : 'waiting',
    `services: ${before.length}, all active again`,
    UNIT_REMEDY,
  );
}

async function checkConfigured({ world, settings }: CheckInput): Promise<CheckOutcome> {
  const { requiredUnits } = settings;
  if (requiredUnits.length === 0) return passed('no unit is named in the settings');
  const units = await world.units.show(requiredUnits);
  if (units.state === 'absent')
    return { state: 'failed', detail: 'units are named, but there is no systemd' };
  if (units.state === 'unreadable') return notReadable(units, 'waiting');
  const isHopeless = ({ active, load }: UnitState) =>
    active === 'failed' || /^(?:not-found|masked|bad-setting|error)$/.test(load);
  const missing = units.value.filter(({ active }) => active !== 'active' && active !== 'reloading');
  return outcomeOf(
    missing.map(
      ({ name, active, sub, load }) => `${name} is ${load === 'loaded' ? `${active} (${sub})` : load}`,
    ),
    missing.some(isHopeless) ? 'failed' : 'waiting',
    `active: ${requiredUnits.join(', ')}`,
    UNIT_REMEDY,
  );
}
