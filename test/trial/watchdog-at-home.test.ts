import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { MachineFacts, WatchdogFacts } from '../../src/machine/facts.ts';
import type { StopOutcome } from '../../src/machine/watchdog/keep.ts';
import { encodeTicket } from '../../src/switch/ticket.ts';
import { type HomeWorld, mayHaveWatchdog, seeToWatchdog } from '../../src/trial/watchdog-at-home.ts';
import { absent, healthyMachine, read, restingWatchdog } from '../support/machine-facts.ts';
import { machineAtHome, machineOnTrial, trialTicket, trialWorld } from '../support/trial-world.ts';

const PCI = {
  ...{ address: '0000:00:05.0', classCode: 0x088000, vendorId: 0x8086, deviceId: 0x25ab },
  driver: undefined,
};
/** As its driver finds it after a kexec: inactive, whatever its hardware does. */
const I6300ESB = restingWatchdog({
  identity: 'i6300ESB timer',
  module: 'i6300esb',
  driver: 'i6300ESB timer',
});
const COUNTS = '/dev/watchdog0 (i6300esb) counts and cannot be stopped before the next reset';

interface Case {
  readonly watchdogs?: readonly WatchdogFacts[];
  /** Of its PCI configuration. */
  readonly lockByte?: number;
  readonly hasSystemd?: boolean;
  /** RuntimeWatchdogSec=. */
  readonly configured?: string;
  readonly holder?: string;
  readonly stop?: StopOutcome;
  readonly hasGuardian?: boolean;
  /** How often systemd cannot be reached. */
  readonly failures?: number;
  /** The driver makes no device, however often it is loaded. */
  readonly isDriverLost?: boolean;
}

/** A machine at home, with a note of what is done to it. */
function home(given: Case) {
  const did: string[] = [];
  let watchdogs = given.watchdogs ?? [];
  let failures = given.failures ?? 0;
  let waitedMs = 0;
  const machine = (): MachineFacts =>
    healthyMachine({
      watchdogs: read(watchdogs),
      pciDevices: read(given.lockByte === undefined ? [] : [PCI]),
      serviceManager: read(
        given.hasSystemd === false ? 'other' : 'systemd',
      ) as MachineFacts['serviceManager'],
      systemdSettings: read(
        new Map(given.configured === undefined ? [] : [['RuntimeWatchdogSec', given.configured]]),
      ),
    });
  const world: HomeWorld = {
    readMachine: machine,
    readPciByte: (address, offset) => {
      assert.deepEqual([address, offset], ['0000:00:05.0', 0x68]);
      return read(given.lockByte ?? 0);
    },
    loadModule: async (name) => {
      did.push(`load ${name}`);
      if (given.isDriverLost !== true) watchdogs = [I6300ESB];
    },
    sleep: async (ms) => {
      waitedMs += ms;
    },
    guardian: {
      find: () => (given.hasGuardian === true ? read(77) : absent()),
      tell: () => assert.fail('nobody is told anything at home'),
      hasTaken: () => assert.fail('nobody is told anything at home'),
    },
    watchdog: {
      takeFromServiceManager: async () => assert.fail('nothing is taken at home'),
      armOverJump: async () => assert.fail('nothing is armed at home'),
      stop: ({ device }) => {
        did.push(`stop ${device}`);
        return given.stop ?? { state: 'stopped' };
      },
      handToServiceManager: async ({ device }, seconds) => {
        failures -= 1;
        if (failures >= 0) throw new KhopError('E_REFUSED', 'no bus yet', { hint: 'Wait.' });
        did.push(`give ${device} ${seconds}`);
        return seconds > 0 ? 'service-manager' : 'stopped';
      },
      findHolder: () => given.holder,
    },
  };
  return { world, did, waited: () => waitedMs };
}

test('a watchdog that its hardware says is locked goes to systemd, though its driver calls it inactive', async () => {
  const { world, did } = home({ watchdogs: [I6300ESB], lockByte: 0x03 });
  assert.deepEqual(await seeToWatchdog(world), { state: 'service-manager', device: '/dev/watchdog0' });
  assert.deepEqual(did, ['give /dev/watchdog0 30']);
});

test('the time that its driver was given for the start of this kernel is not the one that systemd pets it with', async () => {
  const { world, did } = home({ watchdogs: [{ ...I6300ESB, timeoutSeconds: 300 }], lockByte: 0x03 });
  await seeToWatchdog(world);
  assert.deepEqual(did, ['give /dev/watchdog0 30']);
});

test('systemd gets it with the time that the administrator has set', async () => {
  const { world, did } = home({ watchdogs: [I6300ESB], lockByte: 0x07, configured: '2min' });
  await seeToWatchdog(world);
  assert.deepEqual(did, ['give /dev/watchdog0 120']);
});

test('the driver of a locked one is loaded where nothing else has loaded it', async () => {
  const { world, did } = home({ lockByte: 0x03 });
  assert.equal((await seeToWatchdog(world)).state, 'service-manager');
  assert.deepEqual(did, ['load i6300esb', 'give /dev/watchdog0 30']);
});

test('one that is locked and stands still, or counts and can be stopped by its driver, is left alone', async () => {
  for (const lockByte of [0x00, 0x01, 0x02]) {
    const { world, did } = home({ lockByte });
    assert.deepEqual(await seeToWatchdog(world), { state: 'none' });
    assert.deepEqual(did, []);
  }
});

test('while the bus of systemd is not there it is tried again, for ten seconds', async () => {
  const soon = home({ watchdogs: [I6300ESB], lockByte: 0x03, failures: 4 });
  assert.equal((await seeToWatchdog(soon.world)).state, 'service-manager');
  assert.equal(soon.waited(), 2000);
  const never = home({ watchdogs: [I6300ESB], lockByte: 0x03, failures: 1000 });
  assert.deepEqual(await seeToWatchdog(never.world), { state: 'unpetted', reason: `${COUNTS}: no bus yet` });
  assert.equal(never.waited(), 10_000);
});

test('a driver that makes no device is said after ten seconds', async () => {
  const { world, waited } = home({ lockByte: 0x03, isDriverLost: true });
  const outcome = await seeToWatchdog(world);
  assert.match(outcome.state === 'unpetted' ? outcome.reason : '', /i6300esb counts, .* no device/);
  assert.equal(waited(), 10_000);
});

test('without systemd somebody has to pet it, and is told how soon', async () => {
  const { world, did } = home({ watchdogs: [I6300ESB], lockByte: 0x03, hasSystemd: false });
  assert.deepEqual(await seeToWatchdog(world), {
    state: 'unpetted',
    reason: `${COUNTS}; a program has to pet it within 30 s, and again and again`,
  });
  assert.deepEqual(did, []);
});

test('one that somebody has is left to them', async () => {
  const held = { ...I6300ESB, isHeldByInit: true };
  const bySystemd = home({ watchdogs: [held], lockByte: 0x03 });
  assert.equal((await seeToWatchdog(bySystemd.world)).state, 'service-manager');
  const active = { ...restingWatchdog(), state: 'active' };
  for (const given of [{ watchdogs: [I6300ESB], lockByte: 0x03 }, { watchdogs: [active] }]) {
    const { world, did } = home({ ...given, holder: 'watchdogd (process 512)' });
    assert.deepEqual(await seeToWatchdog(world), { state: 'none' });
    assert.deepEqual([...bySystemd.did, ...did], []);
  }
});

test('the guardian of a kernel that was confirmed in this boot keeps the one that it has', async () => {
  const { world, did } = home({ watchdogs: [I6300ESB], lockByte: 0x03, hasGuardian: true });
  assert.deepEqual(await seeToWatchdog(world), { state: 'none' });
  assert.deepEqual(did, []);
});

test('one that is active and in nobody’s hands is stopped, or goes to systemd as it is set', async () => {
  const watchdogs = [restingWatchdog(), { ...restingWatchdog(), name: 'watchdog1', state: 'active' }];
  const stopped = { state: 'stopped', device: '/dev/watchdog1' };
  assert.deepEqual(await seeToWatchdog(home({ watchdogs }).world), stopped);
  assert.deepEqual(await seeToWatchdog(home({ watchdogs, configured: '60' }).world), {
    ...stopped,
    state: 'service-manager',
  });
  assert.deepEqual(await seeToWatchdog(home({ watchdogs, hasSystemd: false }).world), stopped);
  const stop = { state: 'counting', reason: '/dev/watchdog1 cannot be stopped' } as const;
  const stubborn = await seeToWatchdog(home({ watchdogs, hasSystemd: false, stop }).world);
  assert.match(stubborn.state === 'unpetted' ? stubborn.reason : '', /cannot be stopped; .* within 30 s/);
});

test('watchdogs that stand still are not touched', async () => {
  const { world, did } = home({ watchdogs: [restingWatchdog()] });
  assert.deepEqual(await seeToWatchdog(world), { state: 'none' });
  assert.deepEqual(did, []);
});

test('where none is locked only the end of a trial with a watchdog, or of one that nobody can read, leaves one to see to', () => {
  const withOne = encodeTicket(trialTicket({ watchdog: 'i6300esb' }));
  for (const [machine, ticket, expected] of [
    [machineAtHome(), withOne, true],
    [machineAtHome(), encodeTicket(trialTicket()), false],
    [machineAtHome(), '{ torn', true],
    [machineAtHome(), null, false],
    [machineOnTrial(), withOne, false],
    [machineOnTrial(), '{ torn', false],
  ] as const) {
    using at = trialWorld(machine, ticket);
    assert.equal(mayHaveWatchdog(at.world, machine), expected);
  }
});

test('one that a trial long before has locked counts on behind every switch, and is seen to where no trial ended', () => {
  const plain = encodeTicket({ ...trialTicket(), trial: null });
  const [home, left] = [machineAtHome(), machineAtHome('', trialTicket().fromBootId)];
  for (const [machine, ticket, byte, expected] of [
    [home, plain, 0x03, true],
    [home, null, 0x03, true],
    [home, encodeTicket(trialTicket()), 0x03, true],
    [home, plain, 0x01, false],
    // Armed for the jump, or the guardian’s.
    [left, encodeTicket(trialTicket()), 0x03, false],
    [machineOnTrial(), encodeTicket(trialTicket()), 0x03, false],
  ] as const) {
    const here = { ...machine, pciDevices: read([PCI]) };
    using at = trialWorld(here, ticket, {}, { readPciByte: () => read(byte) });
    assert.equal(mayHaveWatchdog(at.world, here), expected);
  }
});
