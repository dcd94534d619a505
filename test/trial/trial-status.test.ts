import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTrial, renderTrialLine } from '../../src/cli/render/trial.ts';
import { encodeHistoryEntry, type LostTrialEntry } from '../../src/switch/history.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { confirmedEntry, returnedEntry } from '../../src/trial/trial-entry.ts';
import {
  describeTrial,
  encodeTrialStatus,
  followTrial,
  hasReturned,
  type TrialStatus,
  trialStatusPath,
} from '../../src/trial/trial-status.ts';
import { read } from '../support/machine-facts.ts';
import {
  machineAtHome,
  machineOnTrial,
  NEW,
  type TrialWorld,
  trialTicket,
  trialWorld,
} from '../support/trial-world.ts';

const STATUS: TrialStatus = {
  version: 1,
  phase: 'services',
  upMs: 40_000,
  deadlineUpMs: 100_000,
  checks: [
    { id: 'unit:nginx', phase: 'services', state: 'waiting', isRequired: true, detail: 'activating' },
    {
      id: 'script:mail',
      phase: 'services',
      state: 'failed',
      isRequired: false,
      detail: 'exit code 1\nand more',
      remedy: 'Look at it.',
    },
  ],
  gaps: ['No panic kernel is loaded.'],
  note: 'Waiting for nginx.',
};

const plain = { style: (_style: string, text: string) => text };

function say(at: TrialWorld, status: TrialStatus | string): void {
  const text = typeof status === 'string' ? status : encodeTrialStatus(status);
  at.world.files.write(trialStatusPath(at.world.folders), text);
}

function view(at: TrialWorld) {
  return describeTrial(at.world, at.world.readMachine());
}

const RETURNED = returnedEntry(
  trialTicket(),
  {
    verdict: 'returned',
    cause: 'watchdog',
    detail: 'a watchdog reset the machine',
    phase: 'network',
    returnMs: 5,
  },
  machineAtHome(),
);

const CONFIRMED = confirmedEntry(
  trialTicket(),
  { verdict: 'confirmed', cause: null, detail: '', phase: 'confirmed', returnMs: null },
  machineOnTrial(),
  1,
);

const LOST: LostTrialEntry = {
  ...{ version: 1, kind: 'trial-lost', id: null, atMs: 1, reason: 'x', movedTo: '/s/trial.json.damaged-1' },
  ...{
    digest: 'd',
    cause: 'firmware',
    detail: 'nothing says when',
    arrivedRelease: null,
    arrivedBootId: null,
  },
};

test('a trial shows its phase, what is left until it goes home, and what the agent last said', () => {
  using at = trialWorld(machineOnTrial(), encodeTicket(trialTicket({ phase: 'services' })));
  say(at, STATUS);
  const shown = view(at);
  assert.deepEqual(
    [shown.state, shown.phase, shown.bootLeftMs, shown.phaseLeftMs, shown.leftMs, shown.status],
    ['on-trial', 'services', null, 58_000, 858_000, STATUS],
  );
  const text = renderTrial(shown, plain);
  assert.match(text, /^This kernel, New, is on trial: phase services\.$/m);
  assert.match(text, /goes home unless confirmed in +14 min 18 s$/m);
  assert.match(text, /^script:mail \(wanted\) +services +failed +exit code 1$/m);
  assert.match(text, /^script:mail: Look at it\.$/m);
  assert.match(text, /^Next: khop confirm/m);
  assert.equal(
    renderTrialLine(shown),
    'phase services; 0 of 2 checks passed; failed: script:mail; Waiting for nginx.; 14 min 18 s left',
  );
});

test('who has to confirm is told of the time for that, also when the time for the checks is long over', () => {
  using at = trialWorld(machineOnTrial({ uptimeMs: read(700_000) }));
  say(at, { ...STATUS, phase: 'proof', deadlineUpMs: 760_000 });
  assert.deepEqual([view(at).phaseLeftMs, view(at).leftMs], [60_000, 60_000]);
  assert.match(renderTrial(view(at), plain), /goes home unless confirmed in +60\.0 s/);
});

test('before the agent runs its deadline is the start’s, and one that is over is never negative', () => {
  const ticket = encodeTicket(trialTicket({ phase: 'jumping' }));
  using at = trialWorld(machineOnTrial(), ticket);
  assert.deepEqual([view(at).bootLeftMs, view(at).status], [78_000, null]);
  using late = trialWorld(machineOnTrial({ uptimeMs: read(9_000_000) }), ticket);
  assert.deepEqual([view(late).bootLeftMs, view(late).leftMs], [0, 0]);
});

test('damaged state is part of the answer', () => {
  using at = trialWorld(machineOnTrial());
  say(at, '{"version": 7}');
  assert.match(view(at).damaged.join(), /trial-status\.json is of version 7/);
  using ticket = trialWorld(machineAtHome(), 'junk');
  assert.equal(view(ticket).state, 'unreadable');
  assert.match(renderTrial(view(ticket), plain), /is not JSON.*\n.*Next: khop arrive/);
});

test('outside a trial it says so, and how the last one ended', () => {
  using never = trialWorld(machineAtHome(), null);
  assert.equal(hasReturned(view(never)), false);
  assert.match(renderTrial(view(never), plain), /there was none yet/);
  for (const entry of [RETURNED, LOST]) {
    never.world.files.append(`${never.world.folders.state}/history.jsonl`, encodeHistoryEntry(entry));
    assert.equal(hasReturned(view(never)), true);
    assert.match(
      renderTrial(view(never), plain),
      /No trial is going on\.\nThe last one: this machine came home/,
    );
  }
});

test('on the way there and at home before it is concluded there is nothing to count down', () => {
  for (const [machine, state, says] of [
    [machineAtHome('', 'old-boot'), 'leaving', /has begun in this boot/],
    [machineAtHome(), 'unconcluded', /Next: khop arrive/],
  ] as const) {
    using at = trialWorld(machine);
    assert.deepEqual([view(at).state, view(at).leftMs], [state, null]);
    assert.match(renderTrial(view(at), plain), says);
    assert.equal(hasReturned(view(at)), false);
  }
});

test('following gives a view when something changes, and ends when the trial does', async () => {
  using at = trialWorld(machineOnTrial());
  let waits = 0;
  const wait = async (): Promise<void> => {
    waits += 1;
    if (waits === 2) say(at, STATUS);
    if (waits === 4) {
      at.world.files.append(`${at.world.folders.state}/history.jsonl`, encodeHistoryEntry(CONFIRMED));
      at.world.files.remove(`${at.world.folders.state}/trial.json`);
    }
  };
  const lines: string[] = [];
  for await (const each of followTrial(at.world, wait)) lines.push(renderTrialLine(each));
  assert.equal(waits, 4);
  assert.equal(lines.length, 3);
  assert.match(lines[2]!, new RegExp(`^This machine runs ${NEW}, which was confirmed`));
});
