import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGuardStatus } from '../../src/guard/guard-status.ts';
import { loadPlan } from '../../src/switch/load.ts';
import { arm, guarded, worldFor } from '../support/guarded-boot.ts';
import { buildBoot } from '../support/prepared-boot.ts';

test('a panic kernel that another command of khop has loaded is not the guard’s, also where the clock went back', async () => {
  using boot = buildBoot();
  let nowMs = 1_700_000_000_000;
  using at = worldFor(boot, () => nowMs);
  const { plan } = await arm(boot, at.world);
  assert.equal(readGuardStatus(at.world, guarded()).state, 'armed');
  nowMs -= 3_600_000;
  await loadPlan(at.world, plan, { by: 'khop load', optimisations: [] });
  const { state, problems } = readGuardStatus(at.world, guarded());
  assert.deepEqual(
    [state, problems],
    ['not-armed', ['the panic kernel was loaded by khop load after the guard was armed']],
  );
});
