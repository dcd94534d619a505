import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CONFIGURATION } from '../../src/switch/configuration.ts';
import { trialDeadlines } from '../../src/trial/trial-deadlines.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';

const { trialSeconds, trialBootSeconds } = DEFAULT_CONFIGURATION;

test('where an agent reports, the start of the system has a deadline of its own, within that of the trial', () => {
  const machine = healthyMachine();
  const usual = { totalSeconds: trialSeconds, bootSeconds: trialBootSeconds, confirmSeconds: undefined };
  assert.deepEqual(trialDeadlines(machine, DEFAULT_CONFIGURATION, {}), usual);
  const asked = trialDeadlines(machine, DEFAULT_CONFIGURATION, { deadline: 60, confirm: 3600 });
  assert.deepEqual(asked, { totalSeconds: 60, bootSeconds: 60, confirmSeconds: 3600 });
});

test('without systemd a person has the whole time of the trial and of --confirm', () => {
  const machine = healthyMachine({ serviceManager: read('other') });
  assert.equal(trialDeadlines(machine, DEFAULT_CONFIGURATION, {}).bootSeconds, trialSeconds);
  const asked = trialDeadlines(machine, DEFAULT_CONFIGURATION, { deadline: 900, confirm: 3600 });
  assert.deepEqual(asked, { totalSeconds: 900, bootSeconds: 4500, confirmSeconds: 3600 });
});
