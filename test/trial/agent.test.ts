import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { ticketPath } from '../../src/switch/state-paths.ts';
import { decodeTicket, encodeTicket } from '../../src/switch/ticket.ts';
import { type AgentCalls, type AgentState, runAgent } from '../../src/trial/agent.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { type AgentWorld, agentWorld } from '../support/agent-world.ts';
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
import { absent, healthyMachine } from '../support/machine-facts.ts';
import { NOW_MS, trialTicket } from '../support/trial-world.ts';

test('a kernel whose checks all pass is led through the phases in order, and confirmed without being asked', async () => {
  await lead({}, {}, ({ end, calls, shown, at }) => {
    assert.equal(end, 'confirmed');
    assert.deepEqual(calls, [CHECKED_IN, 'confirm in services']);
    assert.deepEqual(
      trialOf(at).phases.map(({ phase, upMs }) => [phase, upMs]),
      [
        ['jumping', null],
        ['system', 12_000],
        ['network', 12_000],
        ['services', 12_000],
      ],
    );
    assert.deepEqual(
      shown.map(({ phase, deadlineUpMs }) => [phase, deadlineUpMs]),
      [
        ['system', 360_000],
        ['network', 480_000],
        ['services', 600_000],
      ],
    );
    assert.deepEqual(at.at.remarks, []);
  });
});

test('services have to be well for a while, and from anew when one of them was not', async () => {
  const states = ['passed', 'passed', 'waiting', 'passed'] as const;
  let asked = 0;
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) =>
    phase === 'services' ? [check(phase, { state: states[asked++] ?? 'passed' })] : [check(phase)];
  await lead({}, { runChecks, steadyMs: 20_000 }, ({ end, at }) => {
    assert.equal(end, 'confirmed');
    // Twice well, four seconds apart; then not; and from a second later on for twenty seconds.
    assert.equal(at.world.uptimeMs(), 12_000 + 4000 + 4000 + 1000 + 20_000);
  });
});

for (const [situation, goodFromMs, roundMs, endsMs] of [
  ['just before', 597_000, 0, 597_000 + 20_000],
  ['at', 600_000, 0, 600_000 + 20_000],
  ['in a slow round that ends after', 590_000, 30_000, undefined],
] as const)
  test(`services that become well ${situation} the deadline have all their time to stay so`, async () => {
    using at = await agentWorld();
    const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
      if (phase === 'services') await at.world.sleep(roundMs);
      const isGood = phase !== 'services' || at.world.uptimeMs() >= goodFromMs;
      return [check(phase, { state: isGood ? 'passed' : 'waiting' })];
    };
    assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks, steadyMs: 20_000 }), 'confirmed');
    if (endsMs !== undefined) assert.equal(at.world.uptimeMs(), endsMs);
    else assert.ok(at.world.uptimeMs() < 600_000 + 20_000 + 2 * roundMs, String(at.world.uptimeMs()));
  });

test('services that are well at the deadline, and wait again soon after, lead home', async () => {
  using at = await agentWorld();
  let lastRestarts = 0;
  // As one that dies every fifteen seconds.
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    const restarts = Math.floor(at.world.uptimeMs() / 15_000);
    const hasDied = phase === 'services' && restarts !== lastRestarts;
    lastRestarts = restarts;
    return [check(phase, { state: hasDied ? 'waiting' : 'passed', detail: 'died' })];
  };
  assert.equal(await runAgent(at.world, { ...callsOf(at), runChecks, steadyMs: 20_000 }), 'went-home');
  assert.match(at.calls[1]!, /^home: deadline: after 6[01]\d s still: services\.one: died$/);
});

test('a round that takes long is followed by a longer pause, but never one beyond the deadline', async () => {
  using at = await agentWorld();
  const began: number[] = [];
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    began.push(at.world.uptimeMs());
    await at.world.sleep(began.length === 1 ? 100 : began.length === 2 ? 700 : 3000);
    return [check(phase, { state: 'waiting' })];
  };
  await runAgent(at.world, { ...callsOf(at), runChecks });
  const startUpMs = began[0]!;
  assert.deepEqual(
    began.slice(0, 5).map((upMs) => upMs - startUpMs),
    [0, 1100, 1100 + 700 + 2800, 1100 + 700 + 2800 + 8000, 1100 + 700 + 2800 + 16_000],
  );
  // 0.6 of 600 s is what the system has.
  assert.ok(began.at(-1)! <= 360_000 + 1000 && began.at(-1)! + 3000 >= 360_000, String(began.at(-1)));
});

test('a service that dies soon after it was well leads home', async () => {
  let asked = 0;
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) =>
    phase === 'services' && asked++ > 1
      ? [check(phase, { state: 'failed', detail: 'died' })]
      : [check(phase)];
  await lead({}, { runChecks, steadyMs: 20_000 }, ({ end, calls }) => {
    assert.equal(end, 'went-home');
    assert.deepEqual(calls, [CHECKED_IN, 'home: unhealthy: services.one: died']);
  });
});

for (const phase of ['system', 'network', 'services'] as const) {
  test(`a required check that fails in the phase ${phase} leads home at once, and says which`, async () => {
    const runChecks: AgentCalls['runChecks'] = async (_baseline, asked) =>
      asked === phase ? [check(asked, { state: 'failed', detail: 'broken' })] : [check(asked)];
    await lead({}, { runChecks }, ({ end, calls, at }) => {
      assert.equal(end, 'went-home');
      assert.deepEqual(calls, [CHECKED_IN, `home: unhealthy: ${phase}.one: broken`]);
      assert.equal(trialOf(at).phase, phase);
      assert.equal(at.world.uptimeMs(), 12_000);
    });
  });

  test(`a required check that waits in the phase ${phase} is asked again, until the deadline of that phase`, async () => {
    const runChecks: AgentCalls['runChecks'] = async (_baseline, asked) => [
      check(asked, asked === phase ? { state: 'waiting', detail: 'not yet' } : {}),
    ];
    await lead({}, { runChecks }, ({ calls, shown, at }) => {
      const seconds = { system: 360, network: 480, services: 600 }[phase];
      assert.equal(calls[1], `home: deadline: after ${seconds} s still: ${phase}.one: not yet`);
      assert.equal(at.world.uptimeMs(), seconds * 1000);
      assert.match(shown.at(-1)!.note, /^waiting for .*not yet/);
    });
  });
}

test('what comes in time is waited for, and what nobody requires is not', async () => {
  let rounds = 0;
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => [
    check(phase, { state: rounds++ < 5 ? 'waiting' : 'passed' }),
    check(phase, { id: 'x', state: 'waiting', isRequired: false }),
    check(phase, { id: 'y', state: 'failed', isRequired: false }),
  ];
  await lead({}, { runChecks }, ({ end, at }) => {
    assert.equal(end, 'confirmed');
    assert.equal(at.world.uptimeMs(), 17_000);
  });
});

test('a kernel that is not on trial has no agent, and its ticket is not looked at', async () => {
  const readMachine = () => healthyMachine();
  await lead({ ticket: 'broken', over: { readMachine } }, {}, ({ end, calls }) => {
    assert.deepEqual([end, calls], ['not-on-trial', []]);
  });
});

test('a ticket that tells nothing of this trial leads home, after the guardian was told', async () => {
  const other = encodeTicket(trialTicket({}, { id: '1111111111111111' }));
  const none = encodeTicket({ ...trialTicket(), trial: null });
  for (const [ticket, why] of [
    ['not json', /is not JSON/],
    [null, /does not exist/],
    [other, /is of another switch \(1111111111111111, not feedfacecafebeef\)/],
    [none, /tells of no trial/],
    [encodeTicket(trialTicket()), /does not tell how the machine was before/],
  ] as const)
    await lead({ ticket }, {}, ({ end, calls, at }) => {
      assert.equal(end, 'went-home');
      assert.equal(calls[0], CHECKED_IN);
      assert.match(calls[1]!, /^home: ticket: /);
      assert.match(calls[1]!, why);
      assert.equal(at.world.files.read(ticketPath(at.world.folders)) ?? null, ticket, 'it stays as it was');
    });
});

test('after the confirmation an agent that is started again leaves guardian and ticket alone', async () => {
  using at = await agentWorld();
  conclude(at.world);
  assert.equal(await runAgent(at.world, callsOf(at)), 'not-on-trial');
  assert.deepEqual(at.calls, []);
  assert.equal(at.world.files.read(ticketPath(at.world.folders)), undefined);
});

test('without a guardian, or with one that has just ended, the trial goes on, and that is said', async () => {
  const tell = () => {
    throw new KhopError('E_NOT_FOUND', 'the guardian is gone', { hint: '' });
  };
  for (const [options, said] of [
    [{ guardian: absent() }, /No guardian runs/],
    [{ tell }, /the guardian is gone/],
  ] as const)
    await lead(options, {}, ({ end, at }) => {
      assert.equal(end, 'confirmed');
      assert.match(at.at.remarks.join('\n'), said);
    });
});

test('what is missing of the ways home is shown with each look, in all phases', async () => {
  const gaps = ['No panic kernel is loaded.'];
  const lookAtNet = async () => gaps;
  await lead({ trial: ASKING }, { lookAtNet }, ({ shown }) => {
    assert.deepEqual(
      new Set(shown.map(({ phase }) => phase)),
      new Set(['system', 'network', 'services', 'proof']),
    );
    for (const state of shown) assert.deepEqual(state.gaps, gaps);
  });
});

test('a disk that cannot be written hinders no phase: what the trial did goes along in memory', async () => {
  using at = await agentWorld();
  const write = () => {
    throw new Error('ENOSPC: no space left on device');
  };
  const world = { ...at.world, files: { ...at.world.files, write } };
  assert.equal(await runAgent(world, callsOf(at)), 'confirmed');
  assert.deepEqual(at.calls, [CHECKED_IN, 'confirm in services']);
  assert.equal(trialOf(at).phase, 'jumping');
  assert.equal(at.at.remarks.filter((line) => /cannot be recorded: ENOSPC/.test(line)).length, 3);
});

test('where somebody has to confirm and nobody does, the kernel goes home when the time is over', async () => {
  await lead({ trial: ASKING }, {}, ({ end, calls, shown, at }) => {
    assert.equal(end, 'went-home');
    assert.deepEqual(calls, [CHECKED_IN, 'home: unconfirmed: nobody confirmed within 30 s']);
    assert.equal(at.world.uptimeMs(), 42_000);
    assert.equal(trialOf(at).phase, 'proof');
    assert.deepEqual([shown.at(-1)?.phase, shown.at(-1)?.deadlineUpMs], ['proof', 42_000]);
  });
});

test('an agent that follows one that ended while it waited proves nothing again, and has only the time that was left', async () => {
  const phases = [{ phase: 'proof', atMs: NOW_MS, upMs: 2000 }];
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => [
    phase === 'proof' ? check('system') : check(phase, { state: 'failed' }),
  ];
  await lead({ trial: { ...ASKING, phase: 'proof', phases } }, { runChecks }, ({ calls, at }) => {
    assert.deepEqual(calls, [CHECKED_IN, 'home: unconfirmed: nobody confirmed within 30 s']);
    assert.equal(at.world.uptimeMs(), 32_000);
    assert.deepEqual(trialOf(at).phases, phases);
  });
});

/** Does `what` once the clock is there. */
function onceUp(at: AgentWorld, upMs: number, what: () => void): TrialWorld {
  let isDone = false;
  return {
    ...at.world,
    sleep: async (ms) => {
      await at.world.sleep(ms);
      if (isDone || at.world.uptimeMs() < upMs) return;
      isDone = true;
      what();
    },
  };
}

test('where somebody confirms, the agent ends and does not confirm once more', async () => {
  using at = await agentWorld({ trial: ASKING });
  const world = onceUp(at, 20_000, () => conclude(at.world));
  assert.equal(await runAgent(world, callsOf(at)), 'confirmed');
  assert.deepEqual([at.calls, at.world.uptimeMs()], [[CHECKED_IN], 20_000]);
});

test('what is decided between two phases is not overwritten by the next one, nor does its ticket come back', async () => {
  const cause = { kind: 'asked', detail: 'khop back', atMs: NOW_MS };
  for (const [decide, ends, ticket] of [
    [conclude, [], undefined],
    [
      (world: TrialWorld) => rewrite(world, { phase: 'returning', cause }),
      ['home: asked: khop back'],
      'returning',
    ],
  ] as const) {
    using at = await agentWorld();
    const show = ({ phase }: AgentState) => void (phase === 'system' && decide(at.world));
    await runAgent(at.world, { ...callsOf(at), show });
    assert.deepEqual(at.calls, [CHECKED_IN, ...ends]);
    const text = at.world.files.read(ticketPath(at.world.folders));
    assert.equal(text && decodeTicket(text, 'ticket').trial?.phase, ticket);
  }
});

test('a confirmation by hand that was cut off behind its decision is finished instead of forgotten', async () => {
  using at = await agentWorld({ trial: ASKING });
  const world = onceUp(at, 20_000, () => rewrite(at.world, { phase: 'confirmed' }));
  assert.equal(await runAgent(world, callsOf(at)), 'confirmed');
  assert.deepEqual(at.calls, [CHECKED_IN, 'confirm in proof']);
});

test('an agent that is told to end does so at its next pause, without going home', async () => {
  const control = new AbortController();
  for (const [trial, state] of [
    [{}, 'waiting'],
    [ASKING, 'passed'],
  ] as const) {
    using at = await agentWorld({ trial, over: { signal: control.signal } });
    const world = onceUp(at, 15_000, () => control.abort(new Error('TERM')));
    const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => [check(phase, { state })];
    await assert.rejects(runAgent(world, { ...callsOf(at), runChecks }), /TERM/);
    assert.deepEqual(at.calls, [CHECKED_IN]);
  }
});
