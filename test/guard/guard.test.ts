import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepArmed } from '../../src/guard/guard.ts';
import { DEFAULT_GUARD_SETTINGS, encodeGuardSettings } from '../../src/guard/guard-settings.ts';
import { confirmedPath } from '../../src/switch/state-paths.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { absent } from '../support/machine-facts.ts';
import { machineAtHome, machineOnTrial, TRIAL_ID, trialTicket, trialWorld } from '../support/trial-world.ts';

const WANTED = { 'state/guard.json': encodeGuardSettings(DEFAULT_GUARD_SETTINGS) };
const over = { readReportPlace: () => absent('/var/lib/khop') };

test('during a trial the panic kernel stays that of the trial, also where its ticket cannot be read or is gone', async () => {
  for (const ticket of [undefined, 'not json', null]) {
    using at = trialWorld(machineOnTrial(), ticket, WANTED, over);
    assert.deepEqual(await keepArmed(at.world), { did: 'nothing', because: 'trial' });
    assert.deepEqual(at.calls, []);
  }
});

test('where no guard is wanted nothing is done, on trial or not', async () => {
  for (const machine of [machineOnTrial(), machineAtHome()]) {
    using at = trialWorld(machine);
    assert.deepEqual(await keepArmed(at.world), { did: 'nothing', because: 'off' });
  }
});

test('as soon as the kernel is confirmed, and in every other kernel, the guard is armed', async () => {
  for (const [machine, ticket] of [
    [machineOnTrial(), encodeTicket(trialTicket({ phase: 'confirmed' }))],
    [machineOnTrial(), null],
    [machineAtHome(), undefined],
  ] as const) {
    using at = trialWorld(machine, ticket, WANTED, over);
    if (ticket === null) at.world.files.write(confirmedPath(at.world.folders), `${TRIAL_ID}\n`);
    // This machine has no memory reserved: so far arming came.
    await assert.rejects(keepArmed(at.world), { code: 'E_PLAN', message: /no memory is reserved/ });
  }
});
