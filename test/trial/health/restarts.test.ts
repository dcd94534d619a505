import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnitState } from '../../../src/machine/units.ts';
import { takeBaseline } from '../../../src/trial/health/baseline.ts';
import { runChecks } from '../../../src/trial/health/checks.ts';
import { rememberRestarts } from '../../../src/trial/health/remembered-restarts.ts';
import { healthWorld, SETTINGS, systemd, unit } from '../../support/health-world.ts';

const service = (over: Partial<UnitState> = {}) => ({ ...unit('web.service'), activeSinceMs: 1000, ...over });

/** What services.restarts says in each round, of a service that is `rounds` one after the other. */
async function outcomes(
  before: UnitState,
  rounds: readonly UnitState[],
  settings = SETTINGS,
): Promise<readonly string[]> {
  const baseline = await takeBaseline(
    healthWorld({ uptimeMs: () => 86_400_000, units: systemd('running', [before]) }),
  );
  const startedAgain = rememberRestarts();
  const said: string[] = [];
  for (const now of rounds) {
    const world = healthWorld({ units: systemd('running', [now]), startedAgain });
    const result = (await runChecks(world, baseline, settings, 'services')).find(
      ({ id }) => id === 'services.restarts',
    );
    said.push(`${result?.state}: ${result?.detail}`);
  }
  return said;
}

test('a service that dies between two rounds waits, although it is active in each of them', async () => {
  const counts = [3, 3, 4, 4, 7, 0].map((restarts) => service({ restarts }));
  const died = 'waiting: web.service has ended and was started again';
  const fine = 'passed: none of 1 services was started again';
  assert.deepEqual(await outcomes(service({ restarts: 0 }), counts), [fine, fine, died, fine, died, died]);
});

test('one that dies before it is ready, and so is never active, waits as well', async () => {
  const counts = [1, 2].map((restarts) => service({ active: 'activating', sub: 'start', restarts }));
  assert.match((await outcomes(service(), counts))[1]!, /^waiting: web\.service has ended and was/);
});

test('one that systemd is about to start again is named once', async () => {
  const counts = [1, 2].map((restarts) =>
    service({ active: 'activating', sub: 'auto-restart-queued', restarts }),
  );
  const dying = 'waiting: web.service has ended and is to be started again';
  assert.deepEqual(await outcomes(service(), counts), [dying, dying]);
});

test('one that came and went before the jump too counts for nothing, and one that had long calmed down does', async () => {
  const counts = [1, 2].map((restarts) => service({ restarts }));
  const lately = { restarts: 180, activeSinceMs: 86_400_000 - 7000 };
  assert.match((await outcomes(service(lately), counts))[1]!, /^passed: none of 0 services/);
  for (const calm of [{ ...lately, activeSinceMs: 3_600_000 }, { ...lately, restarts: 0 }, { restarts: 5 }])
    assert.match((await outcomes(service(calm), counts))[1]!, /^waiting/);
});

test('one that was not active before counts only where the settings want it, and none that may fail', async () => {
  const counts = [1, 2].map((restarts) => service({ restarts }));
  const before = service({ active: 'inactive' });
  const last = async (unitBefore: UnitState, settings = {}) =>
    (await outcomes(unitBefore, counts, { ...SETTINGS, ...settings }))[1]!;
  assert.match(await last(before), /^passed: none of 0/);
  for (const name of ['web', 'web.service'])
    assert.match(await last(before, { requiredUnits: [name] }), /^waiting/);
  assert.match(await last(service(), { ignoredUnits: ['web*'] }), /^passed: none of 0/);
});

test('where systemd does not count, and for what has done its work or has failed, there is nothing to compare', async () => {
  assert.match((await outcomes(service(), [service(), service()]))[1]!, /^passed: none of 1/);
  for (const over of [{ sub: 'exited' }, { active: 'failed', sub: 'failed' }]) {
    const counts = [1, 2].map((restarts) => service({ ...over, restarts }));
    assert.match((await outcomes(service(), counts))[1]!, /^passed: none of 0/);
  }
});
