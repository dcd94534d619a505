/**
 * Whether systemd's units are as they were, and as the administrator wants them.
 * @module
 */
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

const REMEDY = '`systemctl status UNIT` and `journalctl -b -u UNIT` say why.';

export const UNIT_CHECKS: readonly HealthCheck[] = [
  {
    id: 'services.units',
    phase: 'services',
    isRequired: true,
    run: async ({ world, baseline }) => {
      const activeBefore = baseline.activeServices.state === 'known' ? baseline.activeServices.value : [];
      return compare(
        baseline.failedUnits,
        await world.units.list(),
        (before, now) => judgeFailed(before, activeBefore, now),
        'waiting',
      );
    },
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

/** One that dies again and again never fails, if only it is given time in between: it may not be taken for one that runs. */
function judgeFailed(
  failedBefore: readonly string[],
  activeBefore: readonly string[],
  now: readonly UnitState[],
): CheckOutcome {
  const failed = namesOf(now, 'failed').filter(
    (name) => isLastingUnit(name) && !KERNEL_LOADERS.has(name) && !failedBefore.includes(name),
  );
  const dying = now
    .filter(({ name, sub }) => sub.startsWith('auto-restart') && activeBefore.includes(name))
    .map(({ name }) => `${name} has ended and is to be started again, and was active before`);
  return outcomeOf(
    [...failed.map((name) => `${name} has failed`), ...dying],
    failed.length > 0 ? 'failed' : 'waiting',
    failedBefore.length === 0 ? 'no unit has failed' : `no unit has failed that had not before`,
    REMEDY,
  );
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
