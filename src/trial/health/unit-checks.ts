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
import type { HealthWorld } from './world.ts';

const REMEDY =
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

/**
 * A unit that failed, and had not before: a oneshot as well, which is how a system says that a part of its start went
 * wrong. What a timer starts fails for reasons of that hour, unless it ran before.
 */
async function checkFailed({ world, baseline, settings }: CheckInput): Promise<CheckOutcome> {
  const activeBefore = baseline.activeServices.state === 'known' ? baseline.activeServices.value : [];
  const units = await world.units.list();
  const isIgnored = (name: string) => KERNEL_LOADERS.has(name) || matchesAny(name, settings.ignoredUnits);
  const failedBefore = baseline.failedUnits.state === 'known' ? baseline.failedUnits.value : [];
  const failed = namesOf(valueOf(units) ?? [], 'failed').filter(
    (name) => isLastingUnit(name) && !isIgnored(name) && !failedBefore.includes(name),
  );
  const timed = await startedByTimer(
    world,
    failed.filter((name) => !activeBefore.includes(name)),
  );
  return compare(
    baseline.failedUnits,
    units,
    (_before, now) => {
      const dying = now
        .filter(({ name, sub }) => sub.startsWith('auto-restart') && activeBefore.includes(name))
        .filter(({ name }) => !isIgnored(name));
      return judgeFailed(
        failed.filter((name) => !timed.includes(name)),
        dying.map(({ name }) => name),
        [
          failedBefore.length === 0 ? 'no unit has failed' : 'no unit has failed that had not before',
          ...timed,
        ],
      );
    },
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

/** One that dies again and again never fails, if only it is given time in between: it may not be taken for one that runs. */
function judgeFailed(
  failed: readonly string[],
  dying: readonly string[],
  [fine = '', ...timed]: readonly string[],
): CheckOutcome {
  const problems = [
    ...failed.map((name) => `${name} has failed`),
    ...dying.map((name) => `${name} has ended and is to be started again, and was active before`),
  ];
  const remark = timed.length === 0 ? '' : `; not counted, since a timer starts it: ${timed.join(', ')}`;
  return outcomeOf(problems, failed.length > 0 ? 'failed' : 'waiting', `${fine}${remark}`, REMEDY);
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
    REMEDY,
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
    REMEDY,
  );
}
