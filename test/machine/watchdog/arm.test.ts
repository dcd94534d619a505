import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armOverJump, type WatchdogOrder } from '../../../src/machine/watchdog/arm.ts';
import { CountingWatchdog, type CountingWatchdogOptions } from '../../support/counting-watchdog.ts';

const ORDER: WatchdogOrder = { device: '/dev/watchdog0', overJumpSeconds: 120, mustLock: false };
const LOCKED: WatchdogOrder = { ...ORDER, mustLock: true };

function arm(device: CountingWatchdog, order = ORDER) {
  return armOverJump(device.root, order, device.calls);
}

test('an armed watchdog counts on with its full time after it was let go, and was seen to count', async () => {
  using device = new CountingWatchdog();
  assert.deepEqual(await arm(device), { timeoutSeconds: 120, isLocked: false, evidence: 'time-left' });
  assert.equal(device.isRunning, true);
  assert.equal(device.leftMs, 120_000);
  assert.equal(device.did.at(-1), 'close');
  assert.ok(!device.did.includes('write V'));
});

test('one that does not tell its time is taken at its word', async () => {
  using device = new CountingWatchdog({ tellsTimeLeft: false });
  assert.equal((await arm(device)).evidence, 'state');
});

test('one without a class device leaves nothing to see, and that is said', async () => {
  using device = new CountingWatchdog({ tellsTimeLeft: false, isLegacy: true });
  assert.deepEqual(await arm(device), { timeoutSeconds: 120, isLocked: false, evidence: 'none' });
});

test('the hardware is locked, also when it was started before without a lock', async () => {
  for (const isActive of [false, true]) {
    using device = new CountingWatchdog({ isActive });
    assert.equal((await arm(device, LOCKED)).isLocked, true);
    assert.equal(device.isLocked, true);
    assert.equal(device.isRunning, true);
  }
});

test('nothing is locked before the time is set and seen to run', async () => {
  using device = new CountingWatchdog({ isStuck: true });
  await assert.rejects(arm(device, LOCKED), { code: 'E_REFUSED' });
  assert.equal(device.isLocked, false);
  assert.equal(device.isRunning, false);
});

test('what was locked before stays so, and is set anew', async () => {
  using device = new CountingWatchdog({ isActive: true, isNowayout: true });
  assert.equal((await arm(device)).isLocked, true);
  assert.equal(device.timeoutSeconds, 120);
});

test('a kernel that has no switch for the lock is no reason to leave a watchdog counting', async () => {
  using device = new CountingWatchdog({ isLegacy: true });
  await assert.rejects(arm(device, LOCKED), { code: 'E_REFUSED', message: /it cannot be locked \(ENOENT\)/ });
  assert.equal(device.isRunning, false);
});

const REFUSED: readonly (readonly [string, CountingWatchdogOptions, RegExp])[] = [
  ['counts too short', { mostSeconds: 30 }, /it counts 30 s instead of 120 s/],
  ['does not count', { isStuck: true }, /its time does not run/],
  ['stops with its program', { hasMagicClose: false }, /it stops with the program that armed it/],
];

for (const [name, options, message] of REFUSED)
  test(`one that ${name} is refused, and stopped again`, async () => {
    using device = new CountingWatchdog(options);
    await assert.rejects(arm(device), { code: 'E_REFUSED', message });
    assert.equal(device.isRunning, false);
  });

test('one without the magic close will do once it is locked', async () => {
  using device = new CountingWatchdog({ hasMagicClose: false });
  assert.equal((await arm(device, LOCKED)).isLocked, true);
  assert.equal(device.isRunning, true);
});

test('who holds a watchdog is named', async () => {
  using device = new CountingWatchdog({
    isBusy: true,
    files: {
      'proc/512/fd/3': { link: '/dev/watchdog' },
      'proc/512/comm': 'watchdogd\n',
      'proc/7/fd/0': { link: '/dev/null' },
    },
  });
  await assert.rejects(arm(device), {
    code: 'E_BUSY',
    message: '/dev/watchdog0 is held by watchdogd (process 512)',
  });
});
