import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { readAskedShutdown } from '../../src/trial/asked-shutdown.ts';
import { concludeTrial } from '../../src/trial/conclude-trial.ts';
import { withShutdownAsked } from '../../src/trial/going-down.ts';
import { absent } from '../support/machine-facts.ts';
import {
  machineAtHome,
  NEW,
  NOW_MS,
  TRIAL_ID,
  type TrialWorld,
  trialTicket,
  trialWorld,
} from '../support/trial-world.ts';

const NOTE = 'asked-shutdown';
const TICKET = encodeTicket(trialTicket());

/** At home, where the kernel with that command line was asked to go down. */
function askedWorld(commandLine: string, ticket: string | null = TICKET, argument = ''): TrialWorld {
  return trialWorld(machineAtHome(argument), ticket, { [`state/${NOTE}`]: commandLine });
}

async function conclude({ world }: TrialWorld) {
  const reset = { watchdogReset: absent(), persistentRecords: absent() };
  return await concludeTrial(world, world.readMachine(), reset, { tellUsers: async () => undefined });
}

async function causeOf(at: TrialWorld): Promise<string | null | undefined> {
  const conclusion = await conclude(at);
  assert.ok(conclusion.state === 'returned' || conclusion.state === 'lost');
  return conclusion.state === 'lost' ? conclusion.entry.cause : conclusion.entry.trial?.cause;
}

test('who asked a kernel on trial to go down is the cause, once, and the kernel is none that failed', async () => {
  using at = askedWorld(`root=/dev/vda1 khop.switch=${TRIAL_ID} khop.trial=${TRIAL_ID}\n`);
  assert.equal(await causeOf(at), 'asked');
  assert.equal(at.text('failed-trials.json'), undefined);
  assert.equal(at.text(NOTE), undefined);
  assert.deepEqual(await conclude(at), { state: 'none' });
});

test('a unit whose failure restarts the machine is the kernel’s fault, whether the agent saw the way down begin or not', async () => {
  const note = [
    `root=/dev/vda1 khop.trial=${TRIAL_ID}`,
    ...['Id=old.service', 'Result=exit-code', 'FailureAction=none', 'StartLimitAction=none', ''],
    ...['Id=db.service', 'Result=exit-code', 'FailureAction=reboot', 'StartLimitAction=none', ''],
  ].join('\n');
  const seen = encodeTicket(
    withShutdownAsked(trialTicket({ phase: 'services' }), { atMs: NOW_MS - 5000, upMs: 40_000 }),
  );
  for (const ticket of [TICKET, seen]) {
    using at = askedWorld(note, ticket);
    const conclusion = await conclude(at);
    assert.ok(conclusion.state === 'returned');
    const { cause, detail } = conclusion.entry.trial ?? {};
    assert.deepEqual([cause, detail], ['unhealthy', 'db.service had failed, and asks for reboot then']);
    assert.match(at.text('failed-trials.json') ?? '', new RegExp(NEW));
  }
});

test('a shutdown of another trial, of none, and a note that the power cut short say nothing', async () => {
  for (const text of [
    ...['', 'root=/dev/vda1', `root=/dev/vda1 khop.trial=${TRIAL_ID.slice(1)}`],
    ...['khop.trial=0000000000000000', `khop.switch=${TRIAL_ID}`],
  ]) {
    using at = askedWorld(text);
    assert.equal(await causeOf(at), 'firmware', text);
    assert.equal(at.text(NOTE), undefined, 'nor will they');
  }
});

test('a note that cannot be read or removed keeps nobody from concluding', async () => {
  using at = askedWorld(`khop.trial=${TRIAL_ID}`);
  const { files } = at.world;
  const broken = (path: string): void => {
    if (path.endsWith(NOTE)) throw new Error('EIO: i/o error');
  };
  const read = (path: string) => {
    broken(path);
    return files.read(path);
  };
  const world = { ...at.world, files: { ...files, read } };
  assert.equal(readAskedShutdown(world, TRIAL_ID), undefined);
  assert.equal(await causeOf({ ...at, world }), 'firmware');
  assert.equal(at.text('trial.json'), undefined);
});

test('without its ticket nothing is made of a shutdown', async () => {
  using at = askedWorld(`khop.trial=${TRIAL_ID}`, '{"version": 2, "id"', `khop.home=${TRIAL_ID}`);
  assert.equal(await causeOf(at), 'ticket');
});
