import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reading } from '../../src/machine/reading.ts';
import { encodeHistoryEntry, type SwitchHistoryEntry } from '../../src/switch/history.ts';
import { returnTableInput, startSeconds } from '../../src/trial/promise.ts';
import type { ReturnTableInput } from '../../src/trial/return-table.ts';
import type { StagedTrial } from '../../src/trial/stage-trial.ts';
import { returnedEntry } from '../../src/trial/trial-entry.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { trialCalls } from '../support/agent-world.ts';
import { absent, read } from '../support/machine-facts.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { machineAtHome, OLD, trialTicket, trialWorld } from '../support/trial-world.ts';

const MISSING = { state: 'missing', reason: 'no room', code: undefined } as const;

/** @param bootSeconds of the machine's starts */
function inputFor(
  stage: Partial<StagedTrial> = {},
  over: Partial<TrialWorld> = {},
  bootSeconds?: number,
): ReturnTableInput {
  using at = trialWorld(machineAtHome(), null);
  const world = { ...trialCalls(at.world, at.calls), ...over };
  const deadlines = { bootSeconds: 240, totalSeconds: 600, confirmSeconds: undefined };
  return returnTableInput(
    world,
    {
      request: { selector: 'new', options: {}, id: 'feedfacecafebeef', home: undefined, deadlines },
      // What is promised does not hang on the proposal.
      ...{ proposal: {} as StagedTrial['proposal'], tried: {} as StagedTrial['tried'] },
      homeKernel: { ...healthyKernel(), release: OLD },
      ...{ home: MISSING, guard: MISSING, firstActObstacle: undefined },
      watchdog: { state: 'none', reason: 'there is none' },
      homeDefault: { state: 'already' },
      ...stage,
    },
    bootSeconds,
  );
}

/** @param ups of past switches, ms @param readInitMs of this start: not to be asked for where it does not count */
async function secondsAfter(
  ups: readonly (number | null)[],
  readInitMs: TrialWorld['readInitMs'] = async () => assert.fail('systemd was asked'),
): Promise<number | null> {
  const end = { verdict: 'returned', cause: 'asked', detail: '', phase: 'proof', returnMs: null } as const;
  const entries = ups.map(
    (upMs): SwitchHistoryEntry => ({ ...returnedEntry(trialTicket(), end, machineAtHome()), upMs }),
  );
  using at = trialWorld(machineAtHome(), null, {
    'state/history.jsonl': entries.map(encodeHistoryEntry).join(''),
  });
  return await startSeconds({ ...trialCalls(at.world, at.calls), readInitMs });
}

test('what is missing is missing for the reason that was found, or for want of a first act', () => {
  const { panicKernel, home, watchdog } = inputFor();
  const none = { state: 'none', reason: 'no room', remedy: null };
  assert.deepEqual([panicKernel, home], [none, none]);
  assert.deepEqual(watchdog, { state: 'none', reason: 'there is none', remedy: null });
  const planned = { state: 'planned', value: {} as never } as const;
  assert.deepEqual(inputFor({ home: planned }).home, { state: 'planned' });
  const guardWith = (way: unknown) =>
    inputFor({ guard: { state: 'planned', value: { home: way } as never } }).panicHome;
  assert.deepEqual(guardWith({ state: 'planned', wayHome: {} }), { state: 'planned' });
  assert.deepEqual(guardWith({ state: 'firmware', reason: 'no room' }), none);
  const obstacle = 'there is no initramfs';
  assert.deepEqual(inputFor({ home: planned, firstActObstacle: obstacle }).home, {
    ...none,
    reason: obstacle,
  });
});

test('panics on other processors count where only the first one leads home and the kernel on trial has more', () => {
  const elsewhere = (
    bootProcessor: number | undefined,
    cpus: Reading<number>,
    release: string,
    words = '',
  ) => {
    const machine = { ...machineAtHome(), cpu: { ...machineAtHome().cpu, online: cpus } };
    const proposal = { kernel: { release }, plan: { commandLine: `quiet ${words}` } } as never;
    const guard = { state: 'planned', value: { home: { state: 'planned', wayHome: { bootProcessor } } } };
    return inputFor({ proposal, guard: guard as never }, { readMachine: () => machine }).panicsElsewhere;
  };
  assert.equal(elsewhere(0, read(2), '6.12.9-amd64'), 'all');
  assert.equal(elsewhere(0, absent(), '6.12.9-amd64'), 'all');
  assert.equal(elsewhere(0, read(1), '6.12.9-amd64'), 'none');
  assert.equal(elsewhere(undefined, read(2), '6.12.9-arm64'), 'none');
  assert.equal(elsewhere(0, read(2), '7.2.13-amd64', 'panic_force_cpu=0'), 'oopses');
  assert.equal(elsewhere(0, read(2), '7.2.13-amd64'), 'all');
  assert.equal(elsewhere(0, read(2), '6.12.9-amd64', 'panic_force_cpu=0'), 'all');
  assert.equal(inputFor().panicsElsewhere, 'none', 'without a panic kernel the firmware leads home anyway');
});

test('the firmware leads home where the boot loader starts the known-good kernel, and nowhere else', () => {
  assert.deepEqual(
    inputFor({ homeDefault: { state: 'missing', reason: 'who knows', remedy: 'ask' } }).homeDefault,
    {
      ...{ state: 'none', reason: 'who knows', remedy: 'ask' },
    },
  );
  assert.deepEqual(
    inputFor({ homeDefault: { state: 'planned', plan: { steps: [], notes: [] } } }).homeDefault,
    {
      state: 'planned',
    },
  );
});

test('only a kernel that says so has a detector for dead processors, and only systemd runs the agent', () => {
  for (const [value, has] of [
    [read('1\n'), true],
    [read('0\n'), false],
    [absent(), false],
  ] as const)
    assert.equal(inputFor({}, { readSysctl: () => value }).hasHardLockupDetector, has);
  assert.equal(inputFor().hasSystemd, true);
  const readMachine = () => ({ ...machineAtHome(), serviceManager: absent() });
  assert.equal(inputFor({}, { readMachine }).hasSystemd, false);
});

test('how long a start takes is the middle of the last five, or what this one took, or unknown', async () => {
  assert.equal(await secondsAfter([9000]), 9);
  assert.equal(await secondsAfter([900_000, 4000, null, 90_000, 5000, 6400, 7000]), 6);
  for (const ups of [[], [null]]) {
    assert.equal(await secondsAfter(ups, async () => 11_600), 12);
    assert.equal(await secondsAfter(ups, async () => undefined), null);
  }
});

test('through the firmware it takes as long as that took the last time, and a start', () => {
  const seconds = (firmware: Reading<number>, bootSeconds?: number) =>
    inputFor({}, { readFirmwareSeconds: () => firmware }, bootSeconds).measured.firmwareSeconds;
  assert.equal(seconds(read(142.4), 9), 151);
  assert.equal(seconds(absent(), 9), null);
  assert.equal(seconds(read(142.4)), null, 'half of it is not the time');
});
