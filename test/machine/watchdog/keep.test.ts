import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stopWatchdog } from '../../../src/machine/watchdog/keep.ts';
import { OpenWatchdog } from '../../../src/machine/watchdog/open-watchdog.ts';
import { CountingWatchdog } from '../../support/counting-watchdog.ts';

const DEVICE = '/dev/watchdog0';

test('petting gives the full time again and leaves the watchdog counting', () => {
  using device = new CountingWatchdog({ isActive: true });
  device.leftMs = 1000;
  {
    using watchdog = new OpenWatchdog({ root: device.root, device: DEVICE, calls: device.calls });
    watchdog.pet();
  }
  assert.equal(device.leftMs, 60_000);
  assert.equal(device.isRunning, true);
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
});

test('a device that is not there is an error with a hint', () => {
  using device = new CountingWatchdog({ isActive: true });
  const calls = {
    ...device.calls,
    open: () => {
      throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    },
  };
  assert.throws(() => stopWatchdog(device.root, DEVICE, calls), { code: 'E_NOT_FOUND' });
});
