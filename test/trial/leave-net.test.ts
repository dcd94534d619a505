import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  guardSettingsPath,
} from '../../src/guard/guard-settings.ts';
import type { MachineFacts, WatchdogFacts } from '../../src/machine/facts.ts';
import { addParameters } from '../../src/switch/added-parameters.ts';
import { encodeTicket, type TicketTrial } from '../../src/switch/ticket.ts';
import { takeBaseline } from '../../src/trial/health/baseline.ts';
import { endGuardian, releaseWaitingKernels } from '../../src/trial/leave-net.ts';
import { GUARDIAN_PID, type NetOptions, trialCalls } from '../support/agent-world.ts';
import { healthWorld, systemd, unit } from '../support/health-world.ts';
import { absent, read, restingWatchdog, unreadable } from '../support/machine-facts.ts';
import { machineOnTrial, trialTicket, trialWorld } from '../support/trial-world.ts';

const PETTED: Partial<WatchdogFacts> = { state: 'active', isKeptOnReboot: true };
const CONFIRMED = `guardian ${GUARDIAN_PID} confirmed`;
const HANDED_OVER = `guardian ${GUARDIAN_PID} handOver`;

/** What ends the guardian of such a machine; also when it throws. */
async function end(
  machine: Partial<MachineFacts>,
  net: NetOptions = {},
  trial: Partial<TicketTrial> = {},
): Promise<{ readonly calls: readonly string[]; readonly error: Error | undefined }> {
  using at = trialWorld(machineOnTrial(machine), encodeTicket(trialTicket(trial)));
  const error = await endGuardian(trialCalls(at.world, at.calls, net)).then(
    (problems) => assert.deepEqual(problems, []),
    (thrown: unknown) => thrown as Error,
  );
  return { calls: at.calls, error: error ?? undefined };
}

const watched = (over: Partial<WatchdogFacts> = {}, setting?: string): Partial<MachineFacts> => ({
  watchdogs: read([restingWatchdog({ ...PETTED, ...over })]),
  systemdSettings: setting === undefined ? absent() : read(new Map([['RuntimeWatchdogSec', setting]])),
});

test('a guardian without a watchdog, or with one that can be stopped, is told that it is over', async () => {
  for (const machine of [{}, watched(), watched({}, 'off'), watched({}, '0')])
    assert.deepEqual(await end(machine), { calls: [CONFIRMED], error: undefined });
});

test('a watchdog that cannot be stopped, and that nobody else wants, stays with the guardian', async () => {
  const { calls, error } = await end(watched({ nowayout: true }));
  assert.deepEqual([calls, error], [[`guardian ${GUARDIAN_PID} keepPetting`], undefined]);
});

test('one that its hardware says is locked stays with the guardian, though this kernel would not have locked it', async () => {
  const driver = { identity: 'i6300ESB timer', module: 'i6300esb', driver: 'i6300ESB timer' };
  const device = { classCode: 0x088000, vendorId: 0x8086, deviceId: 0x25ab, driver: undefined };
  const machine: Partial<MachineFacts> = {
    // With watchdog.stop_on_reboot=0 it counts over a jump without a lock.
    ...watched(driver),
    pciDevices: read([{ address: '0000:00:05.0', ...device }]),
  };
  const keeps = [`guardian ${GUARDIAN_PID} keepPetting`];
  const trial = { watchdog: 'i6300esb' };
  for (const [pciByte, calls] of [
    [read(0x03), keeps],
    [unreadable('config'), keeps],
    [read(0x01), [CONFIRMED]],
  ] as const)
    assert.deepEqual(await end(machine, { pciByte }, trial), { calls, error: undefined });
  const killed = await end(machine, { pciByte: read(0x03), guardian: absent() }, trial);
  assert.deepEqual(killed.calls, ['hand over /dev/watchdog0 30'], 'a driver would say that it stopped it');
});

test('where systemd is to pet the watchdog, the guardian lets go of it before systemd gets it', async () => {
  for (const [setting, seconds] of [
    ['45s', 45],
    ['2min', 120],
    ['default', 30],
  ] as const)
    for (const nowayout of [false, true])
      assert.deepEqual(await end(watched({ nowayout }, setting)), {
        calls: [HANDED_OVER, `hand over /dev/watchdog0 ${seconds}`],
        error: undefined,
      });
});

test('of two watchdogs the one that was chosen before the jump is handed over, whatever their order is', async () => {
  const other = {
    name: 'watchdog1',
    identity: 'HPE iLO2+ HW Watchdog Timer',
    module: 'hpwdt',
    driver: 'hpwdt',
  };
  const machine = {
    ...watched({}, '45s'),
    watchdogs: read([restingWatchdog(PETTED), restingWatchdog({ ...PETTED, ...other })]),
  };
  for (const [watchdog, name] of [
    ['hpwdt', 'watchdog1'],
    ['iTCO_wdt', 'watchdog0'],
    // Called otherwise by this kernel: one that counts over a jump, as without the ticket.
    ['gone', 'watchdog0'],
  ] as const) {
    const { calls } = await end(machine, {}, { watchdog });
    assert.deepEqual(calls, [HANDED_OVER, `hand over /dev/${name} 45`]);
  }
});

test('what an administrator set for systemd counts for nothing where another service manager runs', async () => {
  const machine = { ...watched({}, '45s'), serviceManager: absent() };
  assert.deepEqual((await end(machine)).calls, [CONFIRMED]);
});

test('without a guardian there is nothing to end, and where that cannot be read, that is said', async () => {
  assert.deepEqual(await end(watched(), { guardian: absent() }), { calls: [], error: undefined });
  const { calls, error } = await end(watched(), { guardian: unreadable('/proc') });
  assert.deepEqual(calls, []);
  assert.match(error?.message ?? '', /whether a guardian still runs cannot be seen: \/proc/);
});

test('a guardian that does not end is an error, and systemd does not get the watchdog that it holds', async () => {
  const { calls, error } = await end(watched({}, '45s'), { tell: () => undefined });
  assert.deepEqual(calls, [HANDED_OVER]);
  assert.match(error?.message ?? '', /process 77\) has not ended within 10 s/);
});

test('a guardian of which nobody knows whether it ended counts as one that did not', async () => {
  using at = trialWorld(machineOnTrial());
  const world = trialCalls(at.world, at.calls);
  let asked = 0;
  const find = () => (asked++ === 0 ? read(GUARDIAN_PID) : unreadable('/proc'));
  await assert.rejects(endGuardian({ ...world, guardian: { ...world.guardian, find } }), {
    code: 'E_TIMEOUT',
  });
});

test('a guardian that keeps a watchdog has to have listened: one that is on its way home does not', async () => {
  const { calls, error } = await end(watched({ nowayout: true }), { hasTaken: read(false) });
  assert.deepEqual(calls, [`guardian ${GUARDIAN_PID} keepPetting`]);
  assert.match(error?.message ?? '', /process 77\) has not listened within 10 s/);
  assert.equal((await end(watched({ nowayout: true }), { hasTaken: absent() })).error?.name, 'KhopError');
});

test('what the guardian does on its way home runs in children of its name, so one that has another number counts', async () => {
  using at = trialWorld(machineOnTrial());
  const world = trialCalls(at.world, at.calls, { tell: () => undefined });
  let asked = 0;
  const find = () => read(asked++ === 0 ? GUARDIAN_PID : 78);
  await assert.rejects(endGuardian({ ...world, guardian: { ...world.guardian, find } }), {
    code: 'E_TIMEOUT',
  });
});

test('a guardian that has just ended need not be told, and the watchdog that it left counting is cared for', async () => {
  const gone = () => {
    throw new KhopError('E_NOT_FOUND', 'the guardian is gone', { hint: '' });
  };
  using at = trialWorld(machineOnTrial(watched({ nowayout: true })));
  const world = trialCalls(at.world, at.calls, { tell: gone });
  let asked = 0;
  const find = () => (asked++ === 0 ? read(GUARDIAN_PID) : absent());
  assert.deepEqual(await endGuardian({ ...world, guardian: { ...world.guardian, find } }), []);
  assert.equal(at.calls.at(-1), 'hand over /dev/watchdog0 0');
  const killed = { guardian: absent() };
  const [alone, ofAnother] = [{ watchdog: 'iTCO_wdt' }, { watchdog: null }];
  assert.deepEqual((await end(watched(), killed, alone)).calls, ['hand over /dev/watchdog0 0']);
  assert.deepEqual((await end(watched(), killed, ofAnother)).calls, []);
  assert.deepEqual((await end(watched({ isHeldByInit: true }), killed, alone)).calls, []);
});

test('a watchdog that systemd does not take does not decide on the trial any more, and is said', async () => {
  using at = trialWorld(machineOnTrial(watched({}, '45s')));
  const world = trialCalls(at.world, at.calls);
  const handToServiceManager = async () => {
    throw new KhopError('E_REFUSED', 'systemd does not take it', { hint: '' });
  };
  assert.deepEqual(await endGuardian({ ...world, watchdog: { ...world.watchdog, handToServiceManager } }), [
    'the guardian has let go of /dev/watchdog0: systemd does not take it',
  ]);
});

/** @param own what the administrator wants on the command line @param added what the trial had besides */
async function release(own: string, added: readonly string[], isGuardWanted = false) {
  const commandLine = addParameters(`root=/dev/vda1 ${own}`, added);
  const ticket = encodeTicket(trialTicket({ phase: 'confirmed' }));
  const readReportPlace = () => absent('/var/lib/khop');
  using at = trialWorld(machineOnTrial({ commandLine: read(commandLine) }), ticket, {}, { readReportPlace });
  const { folders } = at.world;
  if (isGuardWanted) writeFileSync(guardSettingsPath(folders), encodeGuardSettings(DEFAULT_GUARD_SETTINGS));
  const error = await releaseWaitingKernels(trialCalls(at.world, at.calls)).then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  return { calls: at.calls, error };
}

const ADDED = ['khop.trial=feedfacecafebeef', 'crashkernel=98304K@0x70000000'];

test('without a guard both waiting kernels go, and the memory that only the trial had reserved is free', async () => {
  assert.deepEqual((await release('quiet', ADDED)).calls, [
    'unload normal',
    'unload crash',
    'free reservation',
  ]);
});

test('memory that the administrator wants to be reserved stays reserved', async () => {
  assert.deepEqual((await release('crashkernel=256M', ADDED)).calls, ['unload normal', 'unload crash']);
});

test('where the guard is wanted it is armed anew, and until it is the panic kernel of the trial stays', async () => {
  const { calls, error } = await release('quiet', ADDED, true);
  assert.deepEqual(calls, ['unload normal']);
  assert.match(error?.message ?? '', /no memory is reserved/, 'this machine has none: so much was tried');
});

test('who lost its own panic kernel to the trial is told when it has it again', async () => {
  const units = systemd('running', [unit('ssh.service'), unit('kdump-tools.service', 'active', 'exited')]);
  const baseline = await takeBaseline(healthWorld({ units }));
  using at = trialWorld(machineOnTrial(), encodeTicket(trialTicket({ phase: 'confirmed', baseline })));
  await releaseWaitingKernels(trialCalls(at.world, at.calls));
  assert.match(
    at.remarks.join(),
    /^kdump-tools\.service loads its panic kernel again from the next start on/,
  );
});
