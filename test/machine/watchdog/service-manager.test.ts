import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../../src/error.ts';
import type { runProcess } from '../../../src/machine/run-process.ts';
import {
  handToServiceManager,
  takeFromServiceManager,
} from '../../../src/machine/watchdog/service-manager.ts';
import { CountingWatchdog } from '../../support/counting-watchdog.ts';

const ORDER = { device: '/dev/watchdog0', configuredSeconds: 0, timeoutSeconds: 30 };
const HELD = { 'proc/1/fd/4': { link: '/dev/watchdog0' } };
const NOT_HELD = { 'proc/1/fd/4': { link: '/dev/null' } };

/** systemd that takes what it is told, or is not there. @param had its RuntimeWatchdogUSec */
function manager(isThere = true, had = '0') {
  const ran: string[] = [];
  const run: typeof runProcess = async (file, args) => {
    ran.push([file, ...args.slice(-3)].join(' '));
    if (!isThere)
      throw new KhopError('E_CHILD', 'busctl: no such program or folder', { hint: 'Install it.' });
    return { exitCode: 0, signal: null, stdout: `t ${had}\n`, stderr: '', stdoutBytes: new Uint8Array() };
  };
  return { ran, run };
}

test('systemd gives a watchdog away when it is told to watch for no time', async () => {
  const { ran, run } = manager(true, '45000000');
  assert.equal(await takeFromServiceManager({ run }), 45);
  assert.match(ran[0]!, /Manager RuntimeWatchdogUSec$/);
  assert.deepEqual(ran.slice(1), ['busctl RuntimeWatchdogUSec t 0']);
});

test('systemd that left the time to the watchdog gets it back in the same way', async () => {
  using device = new CountingWatchdog({ isActive: true, files: HELD });
  const { ran, run } = manager(true, '18446744073709551615');
  const configuredSeconds = await takeFromServiceManager({ run });
  await handToServiceManager(device.root, { ...ORDER, configuredSeconds }, { run, calls: device.calls });
  assert.equal(ran.at(-1), 'busctl RuntimeWatchdogUSec t 18446744073709551615');
});

test('where the administrator has set a time, systemd gets the watchdog with it', async () => {
  using device = new CountingWatchdog({ isActive: true, files: HELD });
  const { ran, run } = manager();
  const outcome = await handToServiceManager(
    device.root,
    { ...ORDER, configuredSeconds: 90 },
    { run, calls: device.calls },
  );
  assert.deepEqual(outcome, { state: 'service-manager' });
  assert.deepEqual(ran, ['busctl RuntimeWatchdogUSec t 90000000']);
  assert.deepEqual(device.did, []);
});

test('otherwise it is stopped, and systemd is not asked', async () => {
  using device = new CountingWatchdog({ isActive: true, files: HELD });
  const { ran, run } = manager();
  assert.deepEqual(await handToServiceManager(device.root, ORDER, { run, calls: device.calls }), {
    state: 'stopped',
  });
  assert.deepEqual(ran, []);
});

test('one that cannot be stopped goes to systemd', async () => {
  using device = new CountingWatchdog({ isActive: true, isNowayout: true, files: HELD });
  const { ran, run } = manager();
  assert.deepEqual(await handToServiceManager(device.root, ORDER, { run, calls: device.calls }), {
    state: 'service-manager',
  });
  assert.deepEqual(ran, ['busctl RuntimeWatchdogUSec t 30000000']);
});

test('a watchdog that nobody takes is said to count, also when systemd only seems to take it', async () => {
  for (const { isThere, files, why } of [
    { isThere: false, files: HELD, why: /no such program/ },
    { isThere: true, files: NOT_HELD, why: /process 1 does not have it open/ },
  ]) {
    using device = new CountingWatchdog({ isActive: true, isNowayout: true, files });
    const { run } = manager(isThere);
    const outcome = await handToServiceManager(device.root, ORDER, { run, calls: device.calls });
    assert.ok(outcome.state === 'counting');
    assert.match(outcome.reason, why);
  }
});
