import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  findGuardian,
  hasTakenMessage,
  sayLeaving,
  tellGuardian,
} from '../../src/machine/guardian-process.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

function processOf(pid: number, comm: string, uid = 0): TreeFiles {
  return {
    [`proc/${pid}/comm`]: `${comm}\n`,
    [`proc/${pid}/status`]: `Name:\t${comm}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t0\t0\t0\t0\n`,
  };
}

function find(files: TreeFiles) {
  using tree = buildTree({ 'proc/': '', 'proc/self/comm': 'khop-guardian\n', ...files });
  const found = findGuardian(tree.root);
  return found.state === 'read' ? found.value : found.state;
}

test('the guardian is the process of its name that root runs', () => {
  const others = { ...processOf(1, 'systemd'), ...processOf(40, 'khop'), ...processOf(41, 'khop-guardian2') };
  assert.equal(find({ ...others, ...processOf(212, 'khop-guardian') }), 212);
  assert.equal(find(others), 'absent');
});

test('nobody else can pass for it, and a process that ends while it is looked at is none', () => {
  const impostor = processOf(30, 'khop-guardian', 1000);
  assert.equal(find(impostor), 'absent');
  assert.equal(find({ ...impostor, 'proc/31/comm': 'khop-guardian\n', 'proc/32/': '' }), 'absent');
  assert.equal(find({ ...impostor, ...processOf(212, 'khop-guardian') }), 212);
});

test('one that has ended is none, although nobody has waited for it yet', () => {
  const status = 'Name:\tkhop-guardian\nState:\tZ (zombie)\nUid:\t0\t0\t0\t0\n';
  assert.equal(find({ ...processOf(212, 'khop-guardian'), 'proc/212/status': status }), 'absent');
});

test('a message is taken when its signal is not pending any more, of the process and of its thread', () => {
  const taken = (status: string) => {
    using tree = buildTree({ 'proc/212/status': status });
    const reading = hasTakenMessage(tree.root, 212, 'keepPetting');
    return reading.state === 'read' ? reading.value : reading.state;
  };
  const [none, keep, other] = ['0000000000000000', '0000000400000000', '0000000200000000'];
  assert.equal(taken(`SigPnd:\t${none}\nShdPnd:\t${keep}\n`), false);
  assert.equal(taken(`SigPnd:\t${keep}\nShdPnd:\t${none}\n`), false);
  assert.equal(taken(`SigPnd:\t${none}\nShdPnd:\t${other}\n`), true);
  assert.equal(taken('Name:\tkhop-guardian\n'), 'unreadable');
});

test('without /proc nobody knows whether there is a guardian', () => {
  using tree = buildTree({});
  assert.equal(findGuardian(tree.root).state, 'unreadable');
});

/** A process that handles no signal: one ends it, and its number stands in $?, which is given back. */
async function statusAfter(tell: (pid: number) => void): Promise<number> {
  const script = 'sleep 60 & p=$!; echo $p; wait $p; exit $?';
  const shell = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(shell, 'exit');
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  tell(Number(line.toString()));
  return (await ended)[0] as number;
}

test('each message arrives as its signal, the real-time ones as well', async () => {
  for (const [message, status] of [
    ['checkedIn', 138],
    ['confirmed', 140],
    ['handOver', 162],
    ['keepPetting', 163],
  ] as const)
    assert.equal(await statusAfter((pid) => tellGuardian(pid, message)), status);
});

test('the guardian that runs is told that its kernel is left, and whether for home, and where none runs nobody is', async () => {
  using none = buildTree(processOf(1, 'systemd'));
  assert.doesNotThrow(() => sayLeaving(none.root));
  for (const [message, expected] of [
    [undefined, 164],
    ['goingHome', 165],
  ] as const) {
    const status = await statusAfter((pid) => {
      using tree = buildTree(processOf(pid, 'khop-guardian'));
      sayLeaving(tree.root, message);
    });
    assert.equal(status, expected);
  }
});

test('a guardian that is gone is an error that says what is left', async () => {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  assert.throws(() => tellGuardian(child.pid!, 'confirmed'), {
    code: 'E_NOT_FOUND',
    message: /cannot be told: .*ESRCH/,
    hint: /only the agent and a watchdog/,
  });
});
