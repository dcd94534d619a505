import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { valueOf } from '../../src/machine/reading.ts';
import type { ProcessResult, runProcess } from '../../src/machine/run-process.ts';
import { findFailureAction, unitCalls } from '../../src/machine/units.ts';
import { buildTree } from '../support/tree-builder.ts';

const SYSTEMD = { 'run/systemd/system/': '' };

type Answer = Partial<ProcessResult> | Error;

/** Calls whose systemctl answers so; `asked` gets the arguments. */
function calls(root: string, answers: Answer | ((verb: string) => Answer), asked: string[][] = []) {
  const run: typeof runProcess = async (_file, args) => {
    asked.push([...args]);
    const answer = typeof answers === 'function' ? answers(args[0] ?? '') : answers;
    if (answer instanceof Error) throw answer;
    return { exitCode: 0, signal: null, stdout: '', stderr: '', stdoutBytes: new Uint8Array(), ...answer };
  };
  return unitCalls(root, new AbortController().signal, run);
}

test('the state of the system is told whatever the exit status', async () => {
  using tree = buildTree(SYSTEMD);
  const { systemState } = calls(tree.root, { exitCode: 1, stdout: 'degraded\n' });
  assert.equal(valueOf(await systemState()), 'degraded');
});

test('a start that a shutdown ends is stopping, also where systemd still calls it a start', async () => {
  using tree = buildTree(SYSTEMD);
  for (const [said, jobs, state] of [
    ['starting', ' 1234 shutdown.target start waiting\n', 'stopping'],
    ['initializing', '7 shutdown.target    start running\n', 'stopping'],
    ['starting', '', 'starting'],
    ['starting', 'No jobs listed.\n', 'starting'],
    ['starting', '7 shutdown.target stop waiting\n', 'starting'],
    ['starting', '7 before-shutdown.target start waiting\n', 'starting'],
    ['starting', new KhopError('E_TIMEOUT', 'systemctl: did not end', { hint: '' }), 'starting'],
  ] as const) {
    const listed = typeof jobs === 'string' ? { stdout: jobs } : jobs;
    const answers = (verb: string) => (verb === 'list-jobs' ? listed : { exitCode: 1, stdout: `${said}\n` });
    assert.equal(valueOf(await calls(tree.root, answers).systemState()), state, `${said}, ${jobs}`);
  }
  const asked: string[][] = [];
  await calls(tree.root, { stdout: 'running\n' }, asked).systemState();
  assert.deepEqual(asked, [['is-system-running']], 'once more only while it starts');
});

test('units are listed with their states, marked or not', async () => {
  using tree = buildTree(SYSTEMD);
  const stdout = [
    'ssh.service               loaded    active   running      OpenBSD Secure Shell server',
    '● srv.mount               loaded    failed   failed       /srv',
    'a\\x2db.service            not-found inactive dead         a\\x2db.service',
    '-.mount                   loaded    active   mounted      Root Mount',
  ].join('\n');
  assert.deepEqual(
    valueOf(await calls(tree.root, { stdout }).list())?.map((each) => Object.values(each).join(' ')),
    [
      'ssh.service loaded active running',
      'srv.mount loaded failed failed',
      'a\\x2db.service not-found inactive dead',
      '-.mount loaded active mounted',
    ],
  );
  assert.deepEqual(valueOf(await calls(tree.root, {}).list()), []);
});

test('units that are asked for keep their names and order, and a short answer is not understood', async () => {
  using tree = buildTree(SYSTEMD);
  const stdout =
    'Id=ssh.service\nActiveState=active\nSubState=running\nLoadState=loaded\nTriggeredBy=a.timer ssh.socket\n' +
    'NRestarts=2\nActiveEnterTimestampMonotonic=4500000\n\n' +
    'Id=no.service\nActiveState=inactive\nSubState=dead\nLoadState=not-found\nActiveEnterTimestampMonotonic=0\n';
  const asked: string[][] = [];
  const { show } = calls(tree.root, { stdout }, asked);
  assert.deepEqual(valueOf(await show(['ssh', 'no'])), [
    {
      name: 'ssh',
      active: 'active',
      sub: 'running',
      load: 'loaded',
      triggeredBy: ['a.timer', 'ssh.socket'],
      restarts: 2,
      activeSinceMs: 4500,
    },
    {
      name: 'no',
      active: 'inactive',
      sub: 'dead',
      load: 'not-found',
      triggeredBy: [],
      restarts: undefined,
      activeSinceMs: undefined,
    },
  ]);
  assert.deepEqual(asked[0]?.slice(-3), ['--', 'ssh', 'no']);
  assert.equal((await show(['ssh'])).state, 'unreadable');
});

test('a machine without systemd has no units, and one that does not answer says why', async () => {
  using bare = buildTree({});
  const asked: string[][] = [];
  assert.equal((await calls(bare.root, {}, asked).list()).state, 'absent');
  assert.deepEqual(asked, []);
  using tree = buildTree(SYSTEMD);
  const late = new KhopError('E_TIMEOUT', 'systemctl: did not end\n  more', { hint: 'Wait.' });
  for (const [answer, reason] of [
    [
      { exitCode: 1, stderr: 'Failed to connect to bus: No such file\n' },
      'Failed to connect to bus: No such file',
    ],
    [late, 'systemctl: did not end'],
  ] as const)
    for (const reading of [
      await calls(tree.root, answer).list(),
      await calls(tree.root, answer).systemState(),
    ])
      assert.equal(reading.state === 'unreadable' && reading.reason, reason);
});

test('a soft reboot is told from other ways down', async () => {
  using tree = buildTree(SYSTEMD);
  for (const [stdout, isSoft] of [
    [' 9 soft-reboot.target start waiting\n', true],
    ['No jobs listed.\n', false],
    ['', false],
  ] as const)
    assert.equal(await calls(tree.root, { stdout }).isSoftReboot(), isSoft);
  const silent = new KhopError('E_TIMEOUT', 'systemctl: did not end', { hint: '' });
  assert.equal(await calls(tree.root, silent).isSoftReboot(), false);
});

test('a failed unit that has the machine restarted is found among others', () => {
  const plain = 'Id=plain.service\nResult=exit-code\nFailureAction=none\nStartLimitAction=reboot\n';
  const broken = 'Id=broken.service\nResult=exit-code\nFailureAction=reboot-force\nStartLimitAction=none\n';
  assert.equal(findFailureAction(''), undefined);
  assert.equal(findFailureAction(plain), undefined);
  assert.equal(findFailureAction('Id=cut.service\nResult=exi'), undefined);
  assert.deepEqual(findFailureAction(`${plain}\n${broken}`), {
    name: 'broken.service',
    action: 'reboot-force',
  });
  const limited = plain.replace('exit-code', 'start-limit-hit');
  assert.deepEqual(findFailureAction(limited), { name: 'plain.service', action: 'reboot' });
});
