import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { ticketPath } from '../../src/switch/state-paths.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { type AgentCalls, runAgent } from '../../src/trial/agent.ts';
import { concludeTrial } from '../../src/trial/conclude-trial.ts';
import { type AgentWorld, agentWorld, GUARDIAN_PID } from '../support/agent-world.ts';
import { systemd } from '../support/health-world.ts';
import { ASKING, CHECKED_IN, callsOf, check, rewrite, trialOf } from '../support/lead-agent.ts';
import { absent, read } from '../support/machine-facts.ts';
import { machineAtHome, TRIAL_ID, trialTicket, trialWorld } from '../support/trial-world.ts';

const LEAVING = `guardian ${GUARDIAN_PID} leaving`;
const ASKED = 'the system was asked to shut down or to restart';

/** A systemd that goes down as soon as it is told to, and was asked how often. */
function systemdThatStops() {
  const is = { goingDown: false, asked: 0 };
  const units = {
    ...systemd('running'),
    systemState: async () => {
      is.asked += 1;
      return read(is.goingDown ? 'stopping' : 'running');
    },
  };
  return { is, units };
}

function assertNoted(at: AgentWorld): void {
  assert.deepEqual(at.calls, [CHECKED_IN, LEAVING], 'nobody went home beside the shutdown');
  const { phase, cause } = trialOf(at);
  assert.deepEqual([phase, cause?.kind, cause?.detail], ['returning', 'asked', ASKED]);
}

test('services that stop for a reboot or a poweroff fail no trial, and lead nobody home', async () => {
  for (const failing of ['system', 'network', 'services'] as const) {
    const { is, units } = systemdThatStops();
    using at = await agentWorld({ over: { units } });
    const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
      is.goingDown ||= phase === failing;
      return [check(phase, phase === failing ? { state: 'failed', detail: 'sshd has failed' } : {})];
    };
    assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks }), 'going-down');
    assertNoted(at);
  }
});

test('a soft reboot ends no trial', async () => {
  const { is, units } = systemdThatStops();
  is.goingDown = true;
  using at = await agentWorld({ over: { units: { ...units, isSoftReboot: async () => true } } });
  assert.equal(await runAgent(at.world, callsOf(at)), 'going-down');
  const { phase, cause } = trialOf(at);
  assert.notEqual(phase, 'returning');
  assert.deepEqual([cause, at.calls], [null, [CHECKED_IN]]);
});

test('a kernel is not confirmed on the way down, however well it is', async () => {
  const { is, units } = systemdThatStops();
  using at = await agentWorld({ over: { units } });
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    is.goingDown ||= phase === 'services';
    return [check(phase)];
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks }), 'going-down');
  assertNoted(at);
});

test('a confirmation that fails on the way down is no reason to go home', async () => {
  const { is, units } = systemdThatStops();
  using at = await agentWorld({ over: { units } });
  const confirm = async () => {
    is.goingDown = true;
    throw new KhopError('E_SYSCALL', 'EROFS: read-only file system', { hint: '' });
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), confirm }), 'going-down');
  assertNoted(at);
});

test('a way down is noticed within a second of a pause, so that a short one is not missed', async () => {
  for (const trial of [{}, ASKING]) {
    const { is, units } = systemdThatStops();
    using at = await agentWorld({ trial, over: { units } });
    let beganUpMs: number | undefined;
    const sleep = async (ms: number) => {
      await at.world.sleep(ms);
      if (beganUpMs === undefined && trialOf(at).phase === (trial === ASKING ? 'proof' : 'services')) {
        is.goingDown = true;
        beganUpMs = at.world.uptimeMs();
      }
    };
    const calls = { ...callsOf(at), steadyMs: trial === ASKING ? 0 : 20_000 };
    assert.equal(await runAgent({ ...at.world, sleep }, calls), 'going-down');
    assertNoted(at);
    assert.ok(beganUpMs !== undefined && at.world.uptimeMs() - beganUpMs <= 1000);
  }
});

test('where systemd answers slowly, it is asked more seldom', async () => {
  const { is, units } = systemdThatStops();
  const slow = {
    ...units,
    systemState: async () => {
      await at.world.sleep(500);
      return await units.systemState();
    },
  };
  using at = await agentWorld({ over: { units: slow } });
  let rounds = 0;
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    rounds += 1;
    return [check(phase, { state: 'waiting' })];
  };
  const beganUpMs = at.world.uptimeMs();
  await runAgent(at.world, { ...callsOf(at), runChecks });
  const share = (is.asked * 500) / (at.world.uptimeMs() - beganUpMs);
  assert.ok(rounds > 50 && share < 0.25, `${rounds} rounds, ${share}`);
});

test('who has decided to go home before goes home, although systemd says that it stops', async () => {
  using at = await agentWorld({ over: { units: systemd('stopping') } });
  const cause = { kind: 'asked', detail: 'khop back', atMs: 1 };
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    rewrite(at.world, { phase: 'returning', cause });
    return [check(phase)];
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks }), 'went-home');
  assert.deepEqual(at.calls, [CHECKED_IN, 'home: asked: khop back']);
  assert.deepEqual(trialOf(at).cause, cause);
});

test('a ticket whose file system was unmounted on the way down is not taken for one that was removed', async () => {
  using at = await agentWorld({ over: { units: systemd('stopping') } });
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    at.world.files.remove(ticketPath(at.world.folders));
    return [check(phase)];
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks }), 'going-down');
  assert.deepEqual(at.calls, [CHECKED_IN, LEAVING]);
  assert.equal(at.world.files.read(ticketPath(at.world.folders)), undefined, 'none is left below the mount');
});

test('the next boot says that it was asked for and blames nobody, through the firmware or without it', async () => {
  const cause = { kind: 'asked', detail: ASKED, atMs: trialTicket().requestedAtMs };
  for (const argument of ['', `khop.home=${TRIAL_ID}`]) {
    using at = trialWorld(machineAtHome(argument), encodeTicket(trialTicket({ phase: 'returning', cause })));
    const evidence = { watchdogReset: absent(), persistentRecords: absent() };
    const conclusion = await concludeTrial(at.world, at.world.readMachine(), evidence, {
      tellUsers: async () => undefined,
    });
    assert.ok(conclusion.state === 'returned');
    assert.deepEqual([conclusion.entry.trial?.cause, conclusion.entry.trial?.detail], ['asked', ASKED]);
    assert.equal(at.text('failed-trials.json'), undefined);
  }
});
