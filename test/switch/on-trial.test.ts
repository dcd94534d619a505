import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { refuseOnTrial } from '../../src/switch/on-trial.ts';
import { confirmedPath, historyPath } from '../../src/switch/state-paths.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { confirmedEntry } from '../../src/trial/trial-entry.ts';
import {
  machineAtHome,
  machineOnTrial,
  NEW,
  NOW_MS,
  TRIAL_ID,
  trialTicket,
  trialWorld,
} from '../support/trial-world.ts';

test('nothing takes the way home of a kernel on trial away, also when its ticket is gone or damaged', () => {
  for (const ticket of [undefined, 'not json', null]) {
    using at = trialWorld(machineOnTrial(), ticket);
    assert.throws(() => refuseOnTrial(at.world, 'nothing was loaded'), {
      code: 'E_STATE',
      message: `${NEW} is on trial, and its way home has to stay loaded: nothing was loaded`,
    });
  }
});

test('a confirmation that this boot has seen counts, although the history was taken away', () => {
  using at = trialWorld(machineOnTrial(), null);
  at.world.files.write(confirmedPath(at.world.folders), `${TRIAL_ID}\n`);
  refuseOnTrial(at.world, 'x');
  at.world.files.write(confirmedPath(at.world.folders), '1111111111111111\n');
  assert.throws(() => refuseOnTrial(at.world, 'x'), { code: 'E_STATE' });
});

test('any other kernel may, and one that was confirmed, whatever became of its ticket', () => {
  for (const ticket of [undefined, 'not json', null]) {
    using at = trialWorld(machineAtHome(), ticket);
    refuseOnTrial(at.world, 'x');
  }
  const end = { verdict: 'confirmed', cause: null, detail: '', phase: 'confirmed', returnMs: null } as const;
  const entry = encodeHistoryEntry(confirmedEntry(trialTicket(), end, machineOnTrial(), NOW_MS));
  for (const ticket of [null, 'not json', encodeTicket(trialTicket({ phase: 'confirmed' }))]) {
    using at = trialWorld(machineOnTrial(), ticket);
    at.world.files.append(historyPath(at.world.folders), entry);
    refuseOnTrial(at.world, 'x');
  }
});
