import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MachineFacts, WatchdogFacts } from '../../../src/machine/facts.ts';
import { type PlannedWatchdog, planWatchdog } from '../../../src/plan/trial/plan-watchdog.ts';
import { healthyMachine, read, restingWatchdog, unreadable } from '../../support/machine-facts.ts';

const TIMES = { deadlineSeconds: 180, jumpSeconds: 40 };
const I6300ESB: Partial<WatchdogFacts> = {
  ...{ identity: 'i6300ESB timer', module: 'i6300esb', driver: 'i6300ESB timer', modules: ['i6300esb'] },
  ...{ leastSeconds: 1, mostSeconds: 2046 },
};
const SOFTDOG = restingWatchdog({
  ...{ identity: 'Software Watchdog', module: undefined, driver: undefined, modules: [] },
  ...{ leastSeconds: 1, mostSeconds: 65535 },
});

function machineWith(watchdogs: readonly WatchdogFacts[], overrides: Partial<MachineFacts> = {}) {
  return healthyMachine({ watchdogs: read(watchdogs), ...overrides });
}

function plannedFor(
  facts: Partial<WatchdogFacts>,
  overrides: Partial<MachineFacts> = {},
  times = TIMES,
): PlannedWatchdog {
  const plan = planWatchdog(machineWith([restingWatchdog(facts)], overrides), times);
  assert.ok(plan.state === 'planned');
  return plan;
}

function reasonFor(machine: MachineFacts): string {
  const plan = planWatchdog(machine, TIMES);
  assert.ok(plan.state === 'none');
  return plan.reason;
}

test('the watchdog of QEMU is locked to count over the jump', () => {
  assert.deepEqual(plannedFor(I6300ESB), {
    state: 'planned',
    device: '/dev/watchdog0',
    driver: 'i6300esb',
    isOverJump: true,
    how: 'i6300esb counts over the jump, because it is locked before, until the next reset.',
    timeoutSeconds: 30,
    leaveSeconds: 180,
    overJumpSeconds: 80,
    modules: ['i6300esb'],
    moduleParameters: { heartbeat: '30' },
    kernelArguments: ['i6300esb.heartbeat=30'],
    isNowayout: true,
    mustLock: true,
    isHeldByServiceManager: false,
  });
});

test('it is not locked where the kernel was told not to stop watchdogs, or where there is no switch for it', () => {
  const kept = plannedFor({ ...I6300ESB, isKeptOnReboot: true });
  assert.ok(kept.isOverJump && !kept.mustLock && !kept.isNowayout);
  const locked = plannedFor({ ...I6300ESB, nowayout: true });
  assert.ok(locked.isOverJump && !locked.mustLock && locked.isNowayout);
  const fixed = plannedFor({ ...I6300ESB, nowayout: undefined });
  assert.ok(!fixed.isOverJump && !fixed.mustLock && !fixed.isNowayout);
});

test('one that a trial before has locked, and systemd pets since, counts over the next jump as well', () => {
  // At home its driver is a fresh one, which does not know of the lock.
  for (const nowayout of [false, true]) {
    const plan = plannedFor({ ...I6300ESB, nowayout, state: 'active', isHeldByInit: true });
    assert.ok(plan.isOverJump && plan.isNowayout && plan.isHeldByServiceManager);
    assert.ok(plan.kernelArguments.includes('systemd.watchdog_sec=off'));
  }
});

test('a watchdog that kexec stops is armed in the new kernel, and the way to more is named', () => {
  const plan = plannedFor({});
  assert.equal(plan.isOverJump, false);
  assert.match(plan.how, /^iTCO_wdt is armed as soon as the new kernel runs.*watchdog\.stop_on_reboot=0\.$/);
  assert.deepEqual(plan.modules, ['iTCO_wdt', 'i2c_i801']);
  assert.deepEqual(plan.kernelArguments, ['iTCO_wdt.heartbeat=30']);
});

test('a kernel that pets what it finds running is given an end to that', () => {
  const plan = plannedFor({ isKeptOnReboot: true });
  assert.equal(plan.isOverJump, true);
  assert.deepEqual(plan.kernelArguments, ['iTCO_wdt.heartbeat=30', 'watchdog.open_timeout=180']);
});

test('a jump that takes longer than the hardware counts would be ended by it', () => {
  const bcm2835 = { identity: undefined, module: undefined, driver: 'bcm2835-wdt', mostSeconds: undefined };
  const plan = plannedFor({ ...bcm2835, isKeptOnReboot: true });
  assert.equal(plan.isOverJump, false);
  assert.match(plan.how, /it counts 15 s at most, and the jump takes 40 s/);
  assert.equal(plan.timeoutSeconds, 15);
  assert.equal(
    plannedFor({ ...bcm2835, isKeptOnReboot: true }, {}, { ...TIMES, jumpSeconds: 10 }).isOverJump,
    true,
  );
  // The older Intel chipset says itself that it counts less than its driver can.
  const old = { mostSeconds: 76, isKeptOnReboot: true };
  assert.equal(plannedFor(old, {}, { ...TIMES, jumpSeconds: 80 }).isOverJump, false);
  assert.equal(plannedFor(old).overJumpSeconds, 76);
});

test('what is not known of a watchdog counts as not over the jump', () => {
  const unknown = plannedFor({ identity: 'Foo', module: 'foo_wdt', driver: 'foo-wdt', isKeptOnReboot: true });
  assert.ok(!unknown.isOverJump && unknown.driver === 'foo_wdt');
  assert.deepEqual(unknown.moduleParameters, {});
  const wdat = plannedFor({
    identity: 'wdat_wdt',
    module: 'wdat_wdt',
    driver: 'wdat_wdt',
    isKeptOnReboot: true,
  });
  assert.match(wdat.how, /nobody knows how long its hardware counts/);
  assert.equal(plannedFor({ isKeptOnReboot: undefined }).isOverJump, false);
});

test('systemd gives the watchdog away before, and does not take it in the new kernel', () => {
  const held = plannedFor({ ...I6300ESB, isHeldByInit: true });
  assert.equal(held.isHeldByServiceManager, true);
  assert.match(held.how, /systemd gives it away before/);
  assert.ok(held.kernelArguments.includes('systemd.watchdog_sec=off'));
  // Who may not look into process 1 goes by its settings.
  const configured = (value: string) =>
    plannedFor(
      { ...I6300ESB, isHeldByInit: undefined },
      { systemdSettings: read(new Map([['RuntimeWatchdogSec', value]])) },
    );
  assert.equal(configured('1min').isHeldByServiceManager, true);
  assert.equal(configured('default').isHeldByServiceManager, true);
  assert.equal(configured('off').isHeldByServiceManager, false);
  const unknown = plannedFor({ ...I6300ESB, isHeldByInit: undefined }, { systemdSettings: unreadable() });
  assert.equal(unknown.isHeldByServiceManager, true);
});

test('hardware goes before softdog, and what counts over the jump before what does not', () => {
  const second = restingWatchdog({ ...I6300ESB, name: 'watchdog2' });
  const plan = planWatchdog(machineWith([SOFTDOG, restingWatchdog({ name: 'watchdog1' }), second]), TIMES);
  assert.ok(plan.state === 'planned' && plan.device === '/dev/watchdog2');
  const alike = planWatchdog(machineWith([SOFTDOG, restingWatchdog({ name: 'watchdog1' })]), TIMES);
  assert.ok(alike.state === 'planned' && alike.device === '/dev/watchdog1');
});

test('a management board is found by its module, because it has no class device', () => {
  const plan = planWatchdog(machineWith([], { loadedModules: read(new Set(['ipmi_watchdog'])) }), TIMES);
  assert.ok(plan.state === 'planned' && plan.isOverJump && plan.device === '/dev/watchdog');
  assert.deepEqual(plan.moduleParameters, { timeout: '30', start_now: '1' });
});

test('without hardware there is no plan, and the reason says what could be done', () => {
  assert.equal(reasonFor(machineWith([])), 'there is no hardware watchdog');
  assert.match(reasonFor(machineWith([SOFTDOG])), /softdog is a timer of the kernel/);
  assert.match(reasonFor(healthyMachine({ watchdogs: unreadable() })), /could not be read/);
  const idle = {
    address: '0000:00:05.0',
    classCode: 0x088000,
    vendorId: 0x8086,
    deviceId: 0x25ab,
    driver: undefined,
  };
  const pciDevices = read([idle]);
  for (const watchdogs of [[], [SOFTDOG]])
    assert.match(
      reasonFor(machineWith(watchdogs, { pciDevices })),
      /at 0000:00:05\.0: `modprobe i6300esb` does/,
    );
  const loaded = machineWith([], { pciDevices, loadedModules: read(new Set(['i6300esb'])) });
  assert.equal(reasonFor(loaded), 'there is no hardware watchdog');
});

test('times are within what the device takes, and over the jump never shorter than the jump', () => {
  const limits = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 60, max: 4000 }));
  fc.assert(
    fc.property(limits, fc.integer({ min: 1, max: 4000 }), ([least, most], jumpSeconds) => {
      const facts = { ...I6300ESB, leastSeconds: least, mostSeconds: most };
      const plan = plannedFor(facts, {}, { ...TIMES, jumpSeconds });
      for (const seconds of [plan.timeoutSeconds, plan.overJumpSeconds])
        assert.ok(seconds >= least && seconds <= Math.min(most, 2046));
      assert.equal(plan.isOverJump, jumpSeconds <= Math.min(most, 2046));
      if (plan.isOverJump) assert.ok(plan.overJumpSeconds >= jumpSeconds);
      else assert.ok(!plan.mustLock);
    }),
  );
});
