import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { ticketPath } from '../../src/switch/state-paths.ts';
import { type AgentCalls, runAgent } from '../../src/trial/agent.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { agentWorld } from '../support/agent-world.ts';
import {
  ASKING,
  CHECKED_IN,
  callsOf,
  check,
  conclude,
  lead,
  rewrite,
  trialOf,
} from '../support/lead-agent.ts';
import { TRIAL_ID } from '../support/trial-world.ts';

test('while somebody is to confirm, a check of the system that fails leads home, and one that waits does not', async () => {
  for (const state of ['failed', 'waiting'] as const) {
    const asked: number[] = [];
    using at = await agentWorld({ trial: ASKING });
    const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
      if (phase !== 'proof') return [check(phase)];
      asked.push(at.world.uptimeMs());
      return [check('system', asked.length < 3 ? {} : { state, detail: 'warned' })];
    };
    assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks }), 'went-home');
    assert.deepEqual(asked.slice(0, 3), [12_000, 17_000, 22_000]);
    assert.equal(
      at.calls[1],
      state === 'failed'
        ? 'home: unhealthy: system.one: warned'
        : 'home: unconfirmed: nobody confirmed within 30 s',
    );
  }
});

test('a confirmation that cannot be recorded leads home, whatever it throws', async () => {
  for (const error of [
    new KhopError('E_STATE', 'no', { hint: '' }),
    new Error('ENOSPC: no space left on device'),
  ]) {
    const confirm = async () => {
      throw error;
    };
    await lead({}, { confirm }, ({ end, calls }) => {
      assert.equal(end, 'went-home');
      assert.equal(calls[1], `home: unhealthy: the confirmation could not be recorded: ${error.message}`);
    });
  }
});

function busy(): never {
  throw new KhopError('E_BUSY', 'another khop is at work', { hint: '' });
}

test('another khop that is at work is waited for, so that it does not make a healthy kernel go home', async () => {
  let tries = 0;
  const confirm = async () => void (tries++ < 4 && busy());
  await lead({}, { confirm }, ({ end, at }) => {
    assert.deepEqual([end, at.world.uptimeMs()], ['confirmed', 16_000]);
  });
  await lead({}, { confirm: async () => busy() }, ({ end, calls, at }) => {
    assert.equal(end, 'went-home');
    assert.match(calls[1]!, /another khop is at work$/);
    assert.equal(at.world.uptimeMs(), 600_000);
  });
});

test('at the deadline another khop is waited for a little still', async () => {
  const trial = { deadlineSeconds: 12 };
  await lead({ trial }, { confirm: async () => busy() }, ({ at }) =>
    assert.equal(at.world.uptimeMs(), 27_000),
  );
});

test('once the decision is on the disk, a confirmation that fails behind it leads nobody home', async () => {
  using at = await agentWorld();
  const confirm = async () => {
    rewrite(at.world, { phase: 'confirmed' });
    throw new Error('EIO');
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), confirm }), 'confirmed');
  assert.deepEqual(at.calls, [CHECKED_IN]);
  assert.match(at.at.remarks.join(), /the next start finishes.*EIO/);
  assert.equal(trialOf(at).phase, 'confirmed');
});

test('an agent that is started again after the decision finishes the confirmation, and checks nothing more', async () => {
  const runChecks = () => assert.fail('checked');
  await lead({ trial: { phase: 'confirmed' } }, { runChecks }, ({ end, calls, at }) => {
    assert.deepEqual([end, calls], ['confirmed', [CHECKED_IN, 'confirm in confirmed']]);
    assert.equal(trialOf(at).phase, 'confirmed');
  });
});

test('an agent that is started again on the way home goes on home, with the cause that was recorded', async () => {
  const cause = { kind: 'deadline', detail: 'too late', atMs: 1 };
  const runChecks = () => assert.fail('checked');
  await lead({ trial: { phase: 'returning', cause } }, { runChecks }, ({ end, calls, at }) => {
    assert.deepEqual([end, calls[1]], ['went-home', 'home: deadline: too late']);
    assert.deepEqual(trialOf(at).cause, cause);
  });
});

test('a kernel that somebody confirms before its checks are over is left in peace', async () => {
  using at = await agentWorld();
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    conclude(at.world);
    return [check(phase, { state: 'failed' })];
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks }), 'confirmed');
  assert.deepEqual(at.calls, [CHECKED_IN]);
  assert.equal(at.world.files.read(ticketPath(at.world.folders)), undefined, 'no ticket came back');
});

test('a ticket that is removed while the trial goes on leads home: nothing could prove the kernel any more', async () => {
  for (const trial of [{}, { ...ASKING, phase: 'proof' }]) {
    using at = await agentWorld({ trial });
    const remove = () => at.world.files.remove(ticketPath(at.world.folders));
    let known: string | undefined;
    const calls: AgentCalls = {
      ...callsOf(at),
      runChecks: async (_baseline, phase) => {
        remove();
        return [check(phase)];
      },
      show: ({ phase }) => void (phase === 'proof' && remove()),
      goHome: async (cause, detail, ticket) => {
        known = ticket?.id;
        at.calls.push(`home: ${cause}: ${detail}`);
      },
    };
    assert.equal(await runAgent(at.world, calls), 'went-home');
    assert.match(at.calls[1]!, /^home: ticket: the ticket is gone: .*trial\.json does not exist$/);
    assert.equal(known, TRIAL_ID, 'who goes home can write it again');
  }
});

test('a confirmation that was faster than the way home counts, and the agent finishes it', async () => {
  using at = await agentWorld({ trial: { ...ASKING, confirmSeconds: 1 } });
  const goHome: AgentCalls['goHome'] = async () => {
    rewrite(at.world, { phase: 'confirmed' });
    throw new KhopError('E_STATE', 'this kernel was confirmed, and stays', { hint: '' });
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), goHome }), 'confirmed');
  assert.deepEqual(at.calls, [CHECKED_IN, 'confirm in proof']);
});

test('where no way led home that is an error: the guardian is what is left', async () => {
  using at = await agentWorld({ trial: { ...ASKING, confirmSeconds: 1 } });
  const goHome: AgentCalls['goHome'] = async () => {
    throw new KhopError('E_STATE', 'no way led home', { hint: '' });
  };
  await assert.rejects(runAgent(at.world, { ...callsOf(at), goHome }), { message: 'no way led home' });
});

test('a guardian that has not ended is asked again until the deadline, and then the agent leaves', async () => {
  let tries = 0;
  const confirm = async () => {
    tries += 1;
    throw new KhopError('E_TIMEOUT', 'the guardian has not ended', { hint: '' });
  };
  await lead({ trial: { deadlineSeconds: 20 } }, { confirm }, ({ end, calls }) => {
    assert.equal(end, 'went-home');
    assert.match(calls[1]!, /unhealthy: the confirmation could not be recorded: the guardian has not ended/);
  });
  assert.ok(tries > 10, `${tries}`);
});

test('phases are written while no other khop does, and one that keeps the lock is waited for only so long', async () => {
  using at = await agentWorld();
  let isHeld = true;
  const exclusively: TrialWorld['exclusively'] = async (work) => {
    if (isHeld) busy();
    return await work();
  };
  const sleep = async (ms: number) => {
    await at.world.sleep(ms);
    // As `khop confirm --early` leaves it.
    if (at.world.uptimeMs() === 14_000) rewrite(at.world, { phase: 'confirmed' });
    isHeld = at.world.uptimeMs() < 14_000;
  };
  assert.equal(await runAgent({ ...at.world, exclusively, sleep }, callsOf(at)), 'confirmed');
  assert.equal(trialOf(at).phase, 'confirmed', 'it was not overwritten');
});

test('the agent gives a person’s way home the time that the person gave it, since that command may not live as long', async () => {
  for (const orderlyMs of [10_000, undefined]) {
    using at = await agentWorld();
    const cause = { kind: 'asked', detail: 'khop back', atMs: 1, orderlyMs };
    const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
      rewrite(at.world, { phase: 'returning', cause });
      return [check(phase)];
    };
    const given: (number | undefined)[] = [];
    const goHome: AgentCalls['goHome'] = async (_cause, _detail, _ticket, ms) => void given.push(ms);
    assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks, goHome }), 'went-home');
    assert.deepEqual(given, [orderlyMs]);
  }
});

test('on the way down of khop back, services that stop are not taken for a kernel that fails', async () => {
  using at = await agentWorld();
  const cause = { kind: 'asked', detail: 'khop back', atMs: 1 };
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    rewrite(at.world, { phase: 'returning', cause });
    return [check(phase, { state: 'failed' })];
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks }), 'went-home');
  assert.deepEqual(at.calls, [CHECKED_IN, 'home: asked: khop back']);
  assert.deepEqual([trialOf(at).phase, trialOf(at).cause], ['returning', cause]);
});
