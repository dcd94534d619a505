import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import type { ResetEvidence } from '../../src/trial/conclude-trial.ts';
import { gatherResetEvidence } from '../../src/trial/reset-evidence.ts';
import { absent, read, restingWatchdog } from '../support/machine-facts.ts';
import { machineAtHome, machineOnTrial, TRIAL_ID, trialTicket, trialWorld } from '../support/trial-world.ts';

const WATCHED = encodeTicket(trialTicket({ watchdog: 'iTCO_wdt' }));
const SOFTDOG = restingWatchdog({ identity: 'Software Watchdog', module: 'softdog', driver: undefined });

/** What is found on a machine whose watchdog tells of its reset once its driver has made a device. */
async function gather(
  before: MachineFacts,
  ticket: string | null,
  {
    appearsAfterMs = 0,
    loadProblem,
  }: { readonly appearsAfterMs?: number; readonly loadProblem?: KhopError } = {},
) {
  const loads: string[] = [];
  let waitedMs = 0;
  const machine = (): MachineFacts =>
    loads.length > 0 && waitedMs >= appearsAfterMs
      ? { ...before, watchdogs: read([...watchdogsOf(before), restingWatchdog()]) }
      : before;
  using at = trialWorld(before, ticket, {}, { readMachine: machine });
  const tells = () => watchdogsOf(machine()).some(({ module }) => module === 'iTCO_wdt');
  const { watchdogReset } = await gatherResetEvidence(at.world, before, {
    read: (): ResetEvidence => ({
      watchdogReset: tells() ? read(true) : absent(),
      persistentRecords: absent(),
    }),
    loadModule: async (name) => {
      if (loadProblem !== undefined) throw loadProblem;
      loads.push(name);
    },
    wait: async (ms) => {
      waitedMs += ms;
    },
  });
  return { loads, waitedMs, state: watchdogReset.state, remarks: at.remarks };
}

function watchdogsOf({ watchdogs }: MachineFacts) {
  return watchdogs.state === 'read' ? watchdogs.value : [];
}

test('the driver of the watchdog of a trial is loaded where nothing has loaded it, and is asked once it has a device', async () => {
  const quick = await gather(machineAtHome(), WATCHED);
  assert.deepEqual(quick, { loads: ['iTCO_wdt'], waitedMs: 0, state: 'read', remarks: [] });
  const slow = await gather(machineAtHome(), WATCHED, { appearsAfterMs: 1000 });
  assert.deepEqual([slow.loads, slow.waitedMs, slow.state], [['iTCO_wdt'], 1000, 'read']);
  const never = await gather(machineAtHome(), WATCHED, { appearsAfterMs: 60_000 });
  assert.deepEqual([never.waitedMs, never.state], [3000, 'absent']);
});

test('that another watchdog is there says nothing of the one of the trial', async () => {
  const beside = await gather({ ...machineAtHome(), watchdogs: read([SOFTDOG]) }, WATCHED);
  assert.deepEqual([beside.loads, beside.state], [['iTCO_wdt'], 'read']);
  const there = await gather({ ...machineAtHome(), watchdogs: read([restingWatchdog()]) }, WATCHED);
  assert.deepEqual([there.loads, there.waitedMs, there.state], [[], 0, 'read']);
});

test('a driver that cannot be loaded is said, and what there is without it counts', async () => {
  const loadProblem = new KhopError('E_CHILD', 'modprobe: not found', { hint: '' });
  const { state, waitedMs, remarks } = await gather(machineAtHome(), WATCHED, { loadProblem });
  assert.deepEqual([state, waitedMs], ['absent', 0]);
  assert.match(remarks.join(), /\(iTCO_wdt\) has reset this machine cannot be asked: modprobe: not found/);
});

test('no driver is loaded where its word would not count', async () => {
  const cause = { kind: 'asked', detail: 'khop back', atMs: 1 };
  for (const [machine, ticket] of [
    [machineAtHome(), encodeTicket(trialTicket())],
    [machineAtHome(), null],
    [machineAtHome(`khop.home=${TRIAL_ID}`), WATCHED],
    [machineAtHome(), encodeTicket(trialTicket({ watchdog: 'iTCO_wdt', cause }))],
    [machineAtHome(), encodeTicket(trialTicket({ watchdog: 'iTCO_wdt', phase: 'confirmed' }))],
    [machineAtHome('', trialTicket().fromBootId), WATCHED],
    [machineOnTrial(), WATCHED],
  ] as const) {
    const without = { ...machine, watchdogs: absent() } as MachineFacts;
    assert.deepEqual((await gather(without, ticket)).loads, []);
  }
});
