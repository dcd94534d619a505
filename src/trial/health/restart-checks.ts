/**
 * Whether services stay up, and are not only started again each time that they die: such a one never fails, if only it is
 * given time in between, and may not be taken for one that runs.
 * @module
 */
import { valueOf } from '../../machine/reading.ts';
import type { UnitState } from '../../machine/units.ts';
import {
  type CheckInput,
  type CheckOutcome,
  compare,
  type HealthCheck,
  notReadable,
  outcomeOf,
} from './check.ts';
import { mayFail, UNIT_REMEDY } from './unit-checks.ts';

export const RESTART_CHECKS: readonly HealthCheck[] = [
  { id: 'services.restarts', phase: 'services', isRequired: true, run: checkRestarts },
];

/** Each round compares with the one before, so that the time for which all has to be well begins anew. */
async function checkRestarts(input: CheckInput): Promise<CheckOutcome> {
  const { world, baseline } = input;
  const units = await world.units.list();
  const watched = watchedServices(input, valueOf(units) ?? []);
  // A oneshot that has done its work cannot die, and what has failed is not started again.
  const living = watched.filter(({ active, sub }) => active !== 'failed' && sub !== 'exited');
  const names = living.map(({ name }) => name);
  const counted = names.length === 0 ? undefined : await world.units.show(names);
  if (counted?.state === 'unreadable') return notReadable(counted, 'waiting');
  const again = world.startedAgain(counted === undefined ? [] : (valueOf(counted) ?? []));
  const dying = watched.filter(({ sub }) => sub.startsWith('auto-restart')).map(({ name }) => name);
  return compare(
    baseline.activeServices,
    units,
    () =>
      outcomeOf(
        [
          ...dying.map((name) => `${name} has ended and is to be started again`),
          ...again
            .filter((name) => !dying.includes(name))
            .map((name) => `${name} has ended and was started again`),
        ],
        'waiting',
        `none of ${names.length} services was started again`,
        UNIT_REMEDY,
      ),
    'waiting',
  );
}

/** Those that were active before or are wanted in the settings; not those that came and went before as well. */
function watchedServices(
  { baseline: { activeServices, restlessServices }, settings }: CheckInput,
  units: readonly UnitState[],
): readonly UnitState[] {
  const active = activeServices.state === 'known' ? activeServices.value : [];
  const restless = restlessServices.state === 'known' ? restlessServices.value : [];
  const wanted = new Set([...active, ...settings.requiredUnits.flatMap((name) => [name, `${name}.service`])]);
  return units.filter(
    ({ name }) =>
      name.endsWith('.service') && wanted.has(name) && !restless.includes(name) && !mayFail(name, settings),
  );
}
