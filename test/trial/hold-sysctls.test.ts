import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TRIAL_SYSCTLS, trialParameters } from '../../src/plan/trial/trial-parameters.ts';
import { type AgentCalls, runAgent } from '../../src/trial/agent.ts';
import { holdSysctls, sysctlGaps, trialSysctls } from '../../src/trial/hold-sysctls.ts';
import { watchNet } from '../../src/trial/watch-net.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { agentWorld } from '../support/agent-world.ts';
import { callsOf, check, rewrite } from '../support/lead-agent.ts';
import { absent, read, unreadable } from '../support/machine-facts.ts';
import { machineOnTrial, TRIAL_ID } from '../support/trial-world.ts';

/** The settings of a kernel on trial as its command line has made them, or as `over` says; undefined: it has none. */
function sysctlsOnTrial(over: Readonly<Record<string, string | undefined>> = {}, own = '') {
  const order = {
    id: TRIAL_ID,
    hasFirstAct: true,
    reservation: undefined,
    panicProcessor: undefined,
    watchdog: [],
  };
  const commandLine = read([own, ...trialParameters(order, own)].join(' '));
  const values: Record<string, string | undefined> = {};
  for (const [key, value] of Object.entries({ ...TRIAL_SYSCTLS, ...over })) values[`kernel.${key}`] = value;
  const written: string[] = [];
  const calls = {
    readMachine: () => machineOnTrial({ commandLine }),
    readSysctl: (name: string) => (values[name] === undefined ? absent(name) : read(`${values[name]}\n`)),
    writeSysctl: (name: string, value: string) => {
      values[name] = value;
      written.push(`${name}=${value}`);
    },
  } satisfies Partial<TrialWorld>;
  return { values, written, calls };
}

function gapsIn(world: TrialWorld): string[] {
  return sysctlGaps(world, trialSysctls(world));
}

test('what sysctl.d undoes is set again, and nothing else is touched', async () => {
  using at = await agentWorld();
  const { calls, written } = sysctlsOnTrial({
    ...{ hung_task_timeout_secs: '0', panic: '0', hardlockup_panic: undefined },
  });
  const world = { ...at.world, ...calls };
  assert.deepEqual(
    gapsIn(world).map((gap) => gap.split(':')[0]),
    ['kernel.panic is 0 instead of 10', 'kernel.hung_task_timeout_secs is 0 instead of 240'],
  );
  holdSysctls(world);
  assert.deepEqual(written, ['kernel.panic=10', 'kernel.hung_task_timeout_secs=240']);
  assert.deepEqual(gapsIn(world), []);
  holdSysctls(world);
  assert.equal(written.length, 2);
});

test('what the administrator’s own command line sets otherwise stays, and is no gap', async () => {
  using at = await agentWorld();
  const { calls, written } = sysctlsOnTrial({ hung_task_panic: '0' }, 'sysctl.kernel.hung_task_panic=0');
  holdSysctls({ ...at.world, ...calls });
  assert.deepEqual([written, gapsIn({ ...at.world, ...calls })], [[], []]);
});

test('what does not take is said, is a gap of the trial, and keeps nothing else from being set', async () => {
  using at = await agentWorld();
  const { calls, written } = sysctlsOnTrial({ panic: '0', softlockup_panic: '0', hung_task_panic: '0' });
  const writeSysctl = (name: string, value: string) => {
    if (name === 'kernel.panic') throw new Error('EROFS: read-only file system');
    // Some that are written stay as they are all the same.
    if (name !== 'kernel.softlockup_panic') calls.writeSysctl(name, value);
  };
  const world = { ...at.world, ...calls, writeSysctl };
  holdSysctls(world);
  assert.deepEqual(written, ['kernel.hung_task_panic=1']);
  assert.match(at.at.remarks.at(-1)!, /^kernel\.panic cannot be set to 10: EROFS/);
  const gaps = await watchNet(world, async () => undefined)();
  assert.deepEqual(
    gaps.map((gap) => gap.split(':')[0]),
    ['kernel.panic is 0 instead of 10', 'kernel.softlockup_panic is 0 instead of 1'],
  );
  const unread = { ...world, readSysctl: (name: string) => unreadable(name) };
  assert.match(gapsIn(unread)[0]!, /^kernel\.panic is unreadable instead of 10/);
});

test('the agent sets them when it starts, and again once the system is up', async () => {
  using at = await agentWorld();
  const { values, written, calls } = sysctlsOnTrial({ panic: '0' });
  const seen: string[] = [];
  const runChecks: AgentCalls['runChecks'] = async (_baseline, phase) => {
    seen.push(`${phase} ${values['kernel.panic']} ${values['kernel.hung_task_panic']}`);
    // As systemd-sysctl does, which starts about when the agent does.
    if (phase === 'system') values['kernel.hung_task_panic'] = '0';
    return [check(phase)];
  };
  assert.equal(await runAgent({ ...at.world, ...calls }, { ...callsOf(at), runChecks }), 'confirmed');
  assert.deepEqual(seen, ['system 10 1', 'network 10 1', 'services 10 1']);
  assert.deepEqual(written, ['kernel.panic=10', 'kernel.hung_task_panic=1']);
});

test('a kernel that somebody has confirmed meanwhile keeps the settings that came back with that', async () => {
  using at = await agentWorld();
  const { values, written, calls } = sysctlsOnTrial();
  const exclusively: TrialWorld['exclusively'] = async (work) => {
    rewrite(at.world, { phase: 'confirmed' });
    values['kernel.hung_task_panic'] = '0';
    return await work();
  };
  assert.equal(await runAgent({ ...at.world, ...calls, exclusively }, callsOf(at)), 'confirmed');
  assert.deepEqual(written, []);
});
