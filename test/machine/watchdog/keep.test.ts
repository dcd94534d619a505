import assert from 'node:assert/strict';
import { test } from 'node:test';
import { petOnce, stopWatchdog } from '../../../src/machine/watchdog/keep.ts';
import { CountingWatchdog } from '../../support/counting-watchdog.ts';

const DEVICE = '/dev/watchdog0';

test('petting gives the full time again and leaves the watchdog counting', () => {
  using device = new CountingWatchdog({ isActive: true });
  device.leftMs = 1000;
  assert.equal(petOnce(device.root, DEVICE, device.calls), true);
  assert.equal(device.leftMs, 60_000);
  assert.equal(device.isRunning, true);
});

test('one that stands still is not opened to be petted, because that would start it', () => {
  using device = new CountingWatchdog();
  assert.equal(petOnce(device.root, DEVICE, device.calls), false);
  assert.deepEqual(device.did, []);
});

test('stopping says so when it is done, and opens nothing that stands still', () => {
  using device = new CountingWatchdog({ isActive: true });
  assert.deepEqual(stopWatchdog(device.root, DEVICE, device.calls), { state: 'stopped' });
  assert.equal(device.isRunning, false);
  device.did.length = 0;
  assert.deepEqual(stopWatchdog(device.root, DEVICE, device.calls), { state: 'stopped' });
  assert.deepEqual(device.did, []);
});

test('one that cannot be stopped is said to count on', () => {
  using device = new CountingWatchdog({ isActive: true, isNowayout: true });
  const outcome = stopWatchdog(device.root, DEVICE, device.calls);
  assert.deepEqual(outcome, {
    state: 'counting',
    reason: '/dev/watchdog0 cannot be stopped before the next reset',
  });
});

test('where nothing tells, a watchdog counts as running', () => {
  using device = new CountingWatchdog({ isLegacy: true });
  assert.equal(stopWatchdog(device.root, '/dev/watchdog', device.calls).state, 'counting');
  assert.equal(petOnce(device.root, '/dev/watchdog', device.calls), true);
});

test('a device that is not there is an error with a hint', () => {
  using device = new CountingWatchdog({ isActive: true });
  const calls = {
    ...device.calls,
    open: () => {
      throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    },
  };
  assert.throws(() => petOnce(device.root, DEVICE, calls), { code: 'E_NOT_FOUND' });
});
