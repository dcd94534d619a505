import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chooseKernel } from '../../src/switch/choose-kernel.ts';
import type { ProposalOptions } from '../../src/switch/proposal.ts';
import { generationOf, recordKnownGood } from '../../src/trial/known-good.ts';
import { needOfTrial, refuseOnWayDown } from '../../src/trial/need-of-trial.ts';
import { silentSystemd, systemd } from '../support/health-world.ts';
import { absent, unreadable } from '../support/machine-facts.ts';
import { machineAtHome, NEW, NOW_MS, type TrialWorld, trialWorld } from '../support/trial-world.ts';

/** The newer kernel was confirmed, as it is now. */
function confirmed(): TrialWorld {
  const at = trialWorld(machineAtHome(), null);
  const kernel = chooseKernel(at.world, at.world.readMachine(), NEW);
  recordKnownGood(at.world, generationOf(kernel, kernel.id, { confirmedAtMs: NOW_MS, bootId: null }));
  return at;
}

test('a kernel that was confirmed with these files and this command line is proven, another is not', () => {
  using at = confirmed();
  assert.equal(needOfTrial(at.world, NEW, {}).proven?.release, NEW);
  assert.deepEqual(needOfTrial(at.world, 'old', {}), { isTrial: true });
});

test('with something else than it was confirmed with, it has to be tried', () => {
  using at = confirmed();
  const others: readonly ProposalOptions[] = [
    { initrd: [] },
    { commandLine: '' },
    { reuseCmdline: true },
    { append: ['debug'] },
    { dtb: '/board.dtb' },
  ];
  for (const options of others)
    assert.deepEqual(needOfTrial(at.world, NEW, options), { isTrial: true }, JSON.stringify(options));
  assert.equal(needOfTrial(at.world, NEW, { append: [], reuseCmdline: false }).isTrial, false);
});

test('files or a boot entry that changed since the confirmation have to be tried', () => {
  for (const path of ['boot/new', 'boot/new.img', 'boot/loader/entries/new.conf']) {
    using at = confirmed();
    appendFileSync(join(at.root, path), path.endsWith('conf') ? 'options debug\n' : 'x');
    assert.deepEqual(needOfTrial(at.world, NEW, {}), { isTrial: true }, path);
  }
});

test('on the way down no trial begins; a system that is up, or that nobody can ask, may', async () => {
  await assert.rejects(refuseOnWayDown({ units: systemd('stopping') }), { code: 'E_STATE' });
  for (const units of [
    ...['running', 'degraded', 'starting'].map((state) => systemd(state)),
    silentSystemd(absent('/run/systemd/system')),
    silentSystemd(unreadable('systemctl is-system-running')),
  ])
    await refuseOnWayDown({ units });
});

test('what a person says counts before khop.conf, and that before what was confirmed', () => {
  using at = confirmed();
  const without = { ...at.world, configuration: { ...at.world.configuration, trial: false } };
  assert.deepEqual(needOfTrial(at.world, NEW, { trial: true }), { isTrial: true });
  assert.deepEqual(needOfTrial(at.world, 'old', { trial: false }), { isTrial: false });
  assert.deepEqual(needOfTrial(without, 'old', {}), { isTrial: false });
  assert.deepEqual(needOfTrial(without, NEW, { trial: true }), { isTrial: true });
});
