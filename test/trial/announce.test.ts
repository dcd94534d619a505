import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { listHooks, runHook } from '../../src/machine/hooks.ts';
import { readPersistentRecordTimes } from '../../src/machine/persistent-records.ts';
import { writeSysctl } from '../../src/machine/sysctl.ts';
import { encodeHistoryEntry } from '../../src/switch/history.ts';
import { announceTrialEnd, tellTrialHooks } from '../../src/trial/announce.ts';
import { returnedEntry } from '../../src/trial/trial-entry.ts';
import { machineAtHome, NEW, OLD, TRIAL_ID, trialTicket, trialWorld } from '../support/trial-world.ts';

const ENTRY = returnedEntry(
  trialTicket(),
  {
    ...{ verdict: 'returned', cause: 'panic', detail: 'it died', phase: 'network', returnMs: null },
    ways: ['home-orderly', 'home-now'],
  },
  machineAtHome(),
);
const quiet = { tellUsers: async () => undefined };

test('hooks get the end of a trial in their environment, once, and one that fails keeps no other', async () => {
  using at = trialWorld(machineAtHome(), null, { 'state/history.jsonl': encodeHistoryEntry(ENTRY) });
  assert.deepEqual(await announceTrialEnd(at.world, ENTRY, quiet), []);
  const told: Readonly<Record<string, string>>[] = [];
  const run = async (
    path: string,
    _args: readonly string[],
    _ms: number,
    environment: Readonly<Record<string, string>>,
  ) => {
    if (path === '/a') throw new KhopError('E_CHILD', '/a: exit code 1', { hint: 'x' });
    told.push(environment);
  };
  const hooks = { list: () => ['/a', '/b'], run };
  assert.equal(await tellTrialHooks(at.world, hooks), 2);
  assert.deepEqual(told, [
    {
      ...{ KHOP_TRIAL_ID: TRIAL_ID, KHOP_TRIAL_VERDICT: 'returned', KHOP_TRIAL_CAUSE: 'panic' },
      ...{ KHOP_TRIAL_DETAIL: 'it died', KHOP_TRIAL_PHASE: 'network', KHOP_TRIAL_RELEASE: NEW },
      ...{ KHOP_TRIAL_HOME: OLD, KHOP_TRIAL_RUNNING: OLD, KHOP_TRIAL_WAYS: 'home-orderly home-now' },
    },
  ]);
  assert.deepEqual(at.remarks, ['/a: exit code 1']);
  assert.equal(await tellTrialHooks(at.world, hooks), 0);
});

test('a hook is a program that sees what it is told', async () => {
  using at = trialWorld(machineAtHome(), null, {
    'h/10-tell': '#!/bin/sh\necho "$KHOP_TRIAL_CAUSE $PATH" >"$(dirname "$0")/told"\n',
  });
  chmodSync(join(at.root, 'h/10-tell'), 0o755);
  const [hook] = listHooks(join(at.root, 'h'));
  await runHook(hook!, [], 10_000, { KHOP_TRIAL_CAUSE: 'panic' });
  assert.equal(readFileSync(join(at.root, 'h/told'), 'utf8'), `panic ${process.env.PATH}\n`);
});

test('what cannot be written is given back', async () => {
  using at = trialWorld(machineAtHome());
  const write = () => {
    throw new Error('EROFS');
  };
  const problems = await announceTrialEnd({ ...at.world, files: { ...at.world.files, write } }, ENTRY, quiet);
  assert.match(problems.join('\n'), /motd\.d\/khop-trial cannot be written: EROFS\n.*trials-untold cannot/);
});

test('a setting is written below /proc/sys, and a name cannot lead out of it', () => {
  using at = trialWorld(machineAtHome(), null, { 'proc/sys/kernel/panic': '5\n' });
  writeSysctl(at.root, 'kernel.panic', '0');
  assert.equal(readFileSync(join(at.root, 'proc/sys/kernel/panic'), 'utf8'), '0\n');
  for (const name of ['../x.y', 'kernel/panic.x', 'kernel', '', 'a..b'])
    assert.throws(() => writeSysctl(at.root, name, '0'), { code: 'E_USAGE' });
});

test('words of dying kernels are found where the kernel and where systemd keep them', () => {
  using at = trialWorld(machineAtHome(), null, {
    ...{ 'sys/fs/pstore/dmesg-efi-1': 'x', 'sys/fs/pstore/console-ramoops-0': 'x' },
    'var/lib/systemd/pstore/1795912100/dmesg.txt': 'x',
  });
  const found = readPersistentRecordTimes(at.root);
  assert.ok(found.state === 'read' && found.value.length === 2);
  assert.ok(found.value.every((atMs) => Math.abs(atMs - Date.now()) < 3_600_000));
  using none = trialWorld(machineAtHome());
  assert.equal(readPersistentRecordTimes(none.root).state, 'absent');
});
