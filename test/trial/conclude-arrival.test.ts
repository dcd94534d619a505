import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHistory } from '../../src/switch/read-history.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { concludeLastSwitch } from '../../src/trial/conclude-arrival.ts';
import type { ResetEvidence } from '../../src/trial/conclude-trial.ts';
import { absent } from '../support/machine-facts.ts';
import {
  machineAtHome,
  machineOnTrial,
  type TrialWorld,
  trialTicket,
  trialWorld,
} from '../support/trial-world.ts';

const RESET: ResetEvidence = { watchdogReset: absent(), persistentRecords: absent() };

function conclude({ world }: TrialWorld): Promise<boolean> {
  return concludeLastSwitch(world, RESET, { tellUsers: async () => undefined });
}

function outcomes({ world }: TrialWorld): string[] {
  return readHistory(world).entries.flatMap((entry) => (entry.kind === 'switch' ? [entry.outcome] : []));
}

test('a switch that nobody concluded is in the history before the next one writes its ticket, once', async () => {
  for (const [ticket, outcome] of [
    [{ ...trialTicket(), trial: null }, 'elsewhere'],
    [trialTicket(), 'returned'],
  ] as const) {
    using at = trialWorld(machineAtHome(), encodeTicket(ticket));
    assert.equal(await conclude(at), true);
    assert.deepEqual([outcomes(at), at.text('trial.json')], [[outcome], undefined]);
    assert.equal(await conclude(at), false);
    assert.deepEqual(outcomes(at), [outcome]);
  }
});

test('a switch whose ticket outlived its conclusion is in the history once', async () => {
  const ticket = { ...trialTicket(), trial: null };
  using at = trialWorld(machineAtHome(), encodeTicket(ticket));
  const cut = (): never => {
    throw new Error('the power is gone');
  };
  await assert.rejects(
    conclude({ ...at, world: { ...at.world, files: { ...at.world.files, remove: cut } } }),
    /the power is gone/,
  );
  assert.deepEqual(outcomes(at), ['elsewhere']);
  assert.equal(await conclude(at), true);
  assert.deepEqual([outcomes(at), at.text('trial.json')], [['elsewhere'], undefined]);
});

test('a ticket of this boot and one of this kernel’s own trial stay as they are', async () => {
  const { fromBootId } = trialTicket();
  for (const machine of [machineAtHome('', fromBootId), machineOnTrial()]) {
    using at = trialWorld(machine, encodeTicket(trialTicket()));
    assert.equal(await conclude(at), false);
    assert.deepEqual([outcomes(at), at.text('trial.json')], [[], encodeTicket(trialTicket())]);
  }
});
