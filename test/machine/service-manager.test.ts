import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import type { runProcess } from '../../src/machine/run-process.ts';
import {
  parseBlockers,
  startKexecTarget,
  startReboot,
  startUnit,
} from '../../src/machine/service-manager.ts';
import { buildTree } from '../support/tree-builder.ts';

const answer = (...inhibitors: readonly unknown[][]): string =>
  JSON.stringify({ type: 'a(ssssuu)', data: [inhibitors] });
const NETWORK = ['sleep', 'NetworkManager', 'NetworkManager needs to turn off networks', 'delay', 0, 624];
const UPGRADES = ['shutdown', 'Unattended Upgrades Shutdown', 'Stop ongoing upgrades', 'delay', 0, 700];
const FIRMWARE = ['sleep:shutdown:idle', 'fwupd', 'Firmware is being written', 'block', 0, 812];

/** Programs that answer from a table; one without an answer fails as a missing one does. */
function programs(answers: Readonly<Record<string, string>>) {
  const ran: string[] = [];
  const run: typeof runProcess = async (file, args) => {
    ran.push([file, ...args].join(' '));
    const stdout = answers[file];
    if (stdout === undefined)
      throw new KhopError('E_CHILD', `${file}: no such program`, { hint: 'Install it.' });
    return { exitCode: 0, signal: null, stdout, stderr: '', stdoutBytes: Buffer.from(stdout) };
  };
  const remarks: string[] = [];
  const options = {
    signal: new AbortController().signal,
    remark: (line: string) => void remarks.push(line),
    run,
  };
  return { ran, remarks, options };
}

test('the target is queued irreversibly when nobody blocks, after people were told', async () => {
  const { ran, options, remarks } = programs({ busctl: answer(NETWORK, UPGRADES), wall: '', systemctl: '' });
  await startKexecTarget(options);
  assert.deepEqual(ran.slice(1), [
    'wall',
    'systemctl start kexec.target --job-mode=replace-irreversibly --no-block',
  ]);
  assert.deepEqual(remarks, []);
});

test('an interrupt counts until systemd is told, and not from then on', async () => {
  const before = programs({ busctl: answer(), wall: '', systemctl: '' });
  const early = new AbortController();
  await assert.rejects(
    startKexecTarget({
      ...before.options,
      signal: early.signal,
      run: async (file, args, options) => {
        early.abort();
        return await before.options.run(file, args, options);
      },
    }),
    { code: 'E_REFUSED' },
  );
  assert.ok(!before.ran.some((command) => command.startsWith('systemctl')));
  const after = programs({ busctl: answer(), wall: '', systemctl: '' });
  const late = new AbortController();
  await startKexecTarget({
    ...after.options,
    signal: late.signal,
    onLeaving: () => late.abort(),
    run: async (file, args, options) => {
      options.signal?.throwIfAborted();
      return await after.options.run(file, args, options);
    },
  });
  assert.match(after.ran.at(-1)!, /^systemctl start kexec\.target/);
});

test('somebody who blocks shutdowns stops the switch, by name and reason', async () => {
  const { ran, options } = programs({ busctl: answer(UPGRADES, FIRMWARE), wall: '', systemctl: '' });
  await assert.rejects(startKexecTarget(options), (error: unknown) => {
    assert.ok(error instanceof KhopError);
    assert.equal(error.code, 'E_REFUSED');
    assert.match(error.message, /fwupd \(process 812\): Firmware is being written$/);
    return true;
  });
  assert.equal(ran.length, 1);
});

test('on a way that has to be gone nobody blocks, and who would have is named', async () => {
  const { ran, options, remarks } = programs({ busctl: answer(FIRMWARE), wall: '', systemctl: '' });
  await startKexecTarget({ ...options, isForced: true });
  assert.match(ran.at(-1)!, /^systemctl start kexec\.target/);
  assert.match(remarks.join('\n'), /^Going down all the same: .*fwupd \(process 812\)/);
});

test('a machine without logind and wall switches, with a remark', async () => {
  const { ran, options, remarks } = programs({ systemctl: '' });
  await startKexecTarget(options);
  assert.equal(ran.at(-1)?.startsWith('systemctl start kexec.target'), true);
  assert.match(remarks.join('\n'), /Nobody could be asked/);
});

test('a reboot that is refused is started as a target, and where there is none the refusal counts', async () => {
  const plain = programs({ reboot: '', systemctl: '' });
  await startReboot(plain.options);
  assert.deepEqual([plain.ran, plain.remarks], [['reboot'], []]);
  const blocked = programs({ systemctl: '' });
  await startReboot(blocked.options);
  assert.equal(
    blocked.ran.at(-1),
    'systemctl start reboot.target --job-mode=replace-irreversibly --no-block',
  );
  assert.match(blocked.remarks.join(), /reboot does not do it/);
  await assert.rejects(startReboot(programs({}).options), { code: 'E_CHILD', message: /^reboot/ });
});

test('a refusal of systemd is an error', async () => {
  const { options } = programs({ busctl: answer(), wall: '' });
  await assert.rejects(startKexecTarget(options), { code: 'E_CHILD' });
});

test('only those who block shutdowns count, and other answers are errors of ours', () => {
  assert.deepEqual(parseBlockers(answer()), []);
  assert.deepEqual(parseBlockers(answer(['sleep', 'a', 'b', 'block', 0, 1])), []);
  assert.deepEqual(parseBlockers(answer(['shutdown', 'a', 'b', 'block-weak', 0, 1])), []);
  assert.deepEqual(parseBlockers(answer(['idle:shutdown', 'a', 'b', 'block', 0, 1])), [
    { who: 'a', why: 'b', pid: 1 },
  ]);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        parseBlockers(text);
      } catch (error) {
        assert.ok(error instanceof KhopError);
      }
    }),
  );
});

test('a unit is started without waiting for it, where systemd runs', async () => {
  using under = buildTree({ 'run/systemd/system/': '' });
  using without = buildTree({ 'run/': '' });
  const { ran, options } = programs({ systemctl: '' });
  await startUnit(without.root, 'x.service', options);
  assert.deepEqual(ran, []);
  await startUnit(under.root, 'x.service', options);
  assert.deepEqual(ran, ['systemctl start --no-block x.service']);
});

test('a unit that is not installed is nothing to start, and a refusal is said', async () => {
  using tree = buildTree({ 'run/systemd/system/': '' });
  const accepted: unknown[] = [];
  const { options } = programs({ systemctl: '' });
  const run: typeof runProcess = async (file, args, how) => {
    accepted.push(how.acceptExitCodes);
    return await options.run(file, args, how);
  };
  await startUnit(tree.root, 'x.service', { ...options, run });
  assert.deepEqual(accepted, [[0, 5]]);
  await assert.rejects(startUnit(tree.root, 'x.service', programs({}).options), { code: 'E_CHILD' });
});
