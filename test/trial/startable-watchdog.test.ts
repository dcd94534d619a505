import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { lineOf, stage, watched } from '../support/staged-trial.ts';
import { NEW } from '../support/trial-world.ts';

test('a watchdog whose driver the new kernel lacks is not armed, and the trial goes on without', async () => {
  const collectModules: TrialWorld['collectModules'] = async (release, names) => {
    if (names.length === 0) return [];
    throw new KhopError('E_NOT_FOUND', `${release} has no module ${names[0]}`, { hint: '' });
  };
  await stage({ machine: watched(), over: { collectModules } }, (staged) => {
    assert.deepEqual(staged.watchdog, {
      state: 'none',
      reason: `nobody could pet the watchdog in the new kernel: ${NEW} has no module iTCO_wdt`,
    });
    assert.equal(staged.guard.state, 'planned');
    assert.doesNotMatch(lineOf(staged), /iTCO_wdt|watchdog\./);
  });
});

test('a watchdog that a daemon pets is left to it: in the new kernel it would find it taken, and fail', async () => {
  await stage({ machine: watched(), holder: 'wdmd (process 512)' }, (staged) => {
    assert.deepEqual(staged.watchdog, {
      state: 'none',
      reason: '/dev/watchdog0 is held by wdmd (process 512), which will want it in the new kernel, too',
    });
    assert.doesNotMatch(lineOf(staged), /iTCO_wdt|watchdog\./);
  });
  const petted = watched({ state: 'active', isHeldByInit: true });
  await stage({ machine: petted, holder: 'systemd (process 1)' }, ({ watchdog }) =>
    assert.equal(watchdog.state, 'planned'),
  );
});
