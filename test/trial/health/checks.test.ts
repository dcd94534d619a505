import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { takeBaseline } from '../../../src/trial/health/baseline.ts';
import type { AskingPhase, CheckPhase, CheckResult } from '../../../src/trial/health/check.ts';
import { HEALTH_CHECKS, runChecks } from '../../../src/trial/health/checks.ts';
import type { HealthSettings } from '../../../src/trial/health/settings.ts';
import type { HealthWorld } from '../../../src/trial/health/world.ts';
import { healthWorld, SETTINGS, silentSystemd, systemd, unit } from '../../support/health-world.ts';
import { inputs } from '../../support/inputs.ts';
import { read, unreadable } from '../../support/machine-facts.ts';
import { NETWORK_CASES } from './network-cases.ts';
import { SERVICE_CASES } from './service-cases.ts';
import { SYSTEM_CASES } from './system-cases.ts';

const CHECK_CASES = [...SYSTEM_CASES, ...NETWORK_CASES, ...SERVICE_CASES];

const PHASES: readonly CheckPhase[] = ['system', 'network', 'services'];

async function allResults(
  before: HealthWorld,
  now: HealthWorld,
  settings: HealthSettings = SETTINGS,
): Promise<readonly CheckResult[]> {
  const baseline = await takeBaseline(before);
  const results = await Promise.all(PHASES.map((phase) => runChecks(now, baseline, settings, phase)));
  return results.flat();
}

function resultOf(results: readonly CheckResult[], id: string): CheckResult {
  const result = results.find((each) => each.id === id);
  assert.ok(result !== undefined, id);
  return result;
}

describe('each check', () => {
  for (const { id, state, situation, before, now, settings, says } of CHECK_CASES)
    test(`${id}: ${state} when ${situation}`, async () => {
      const results = await allResults(healthWorld(before), healthWorld(now), { ...SETTINGS, ...settings });
      const result = resultOf(results, id);
      assert.deepEqual([result.state, result.detail.match(says) !== null], [state, true], result.detail);
    });

  test('is shown in every state that it can have, but for scripts, which have a test of their own', () => {
    const neverWaits = ['system.kernel-warnings'];
    const neverFails = ['services.configured-sockets', 'services.restarts'];
    for (const { id } of HEALTH_CHECKS.filter(({ isLast }) => !isLast)) {
      const shown = new Set(CHECK_CASES.filter((each) => each.id === id).map(({ state }) => state));
      assert.ok(shown.has('passed'), id);
      assert.equal(shown.has('waiting'), !neverWaits.includes(id), id);
      assert.equal(shown.has('failed'), !neverFails.includes(id), id);
    }
  });
});

test('systemd is asked for its state and its units once in a round, and anew in the next one', async () => {
  const now = healthWorld({});
  let [asked, askedState] = [0, 0];
  const list: typeof now.units.list = async () => {
    asked++;
    return await now.units.list();
  };
  const systemState: typeof now.units.systemState = async () => {
    askedState++;
    return await now.units.systemState();
  };
  const counting = { ...now, units: { ...now.units, list, systemState } };
  const baseline = await takeBaseline(now);
  for (const round of [1, 2]) {
    const results = await runChecks(counting, baseline, SETTINGS, 'services');
    for (const id of ['services.units', 'services.active'])
      assert.equal(resultOf(results, id).state, 'passed');
    assert.deepEqual([asked, askedState], [round, round]);
  }
});

test('what passed in an earlier phase is asked again in later ones, but not whether the system has started', async () => {
  const world = healthWorld();
  const baseline = await takeBaseline(world);
  const idsIn = async (phase: AskingPhase) =>
    (await runChecks(world, baseline, SETTINGS, phase)).map(({ id }) => id);
  const ofPhase = (...phases: readonly string[]) =>
    HEALTH_CHECKS.filter((check) => phases.includes(check.phase)).map(({ id }) => id);
  const later = (...phases: readonly string[]) => ofPhase(...phases).filter((id) => id !== 'system.finished');
  assert.deepEqual(await idsIn('system'), ofPhase('system'));
  assert.deepEqual(await idsIn('network'), later('system', 'network'));
  assert.deepEqual(await idsIn('services'), later('system', 'network', 'services'));
  assert.deepEqual(await idsIn('proof'), later('system'));
});

test('a warning that comes once the system is up is found in every later phase', async () => {
  const baseline = await takeBaseline(healthWorld());
  const warned = healthWorld({ readTaint: () => read(1 << 9) });
  for (const phase of ['network', 'services', 'proof'] as const) {
    const results = await runChecks(warned, baseline, SETTINGS, phase);
    assert.equal(resultOf(results, 'system.kernel-warnings').state, 'failed', phase);
    // What costs is not run any more.
    for (const { id, state } of results.filter((each) => each.id.endsWith('-scripts')))
      assert.equal(state, 'waiting', id);
  }
});

test('docs/trial-checks.md describes every check with its phase and what it counts for, in their order', () => {
  const page = readFileSync(new URL('../../../docs/trial-checks.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([\w.-]+)` \| (\w+) \| (\w+) \| \S/gm)].map((row) => row.slice(1, 4));
  assert.deepEqual(
    rows,
    HEALTH_CHECKS.map(({ id, phase, isRequired }) => [id, phase, isRequired ? 'required' : 'wanted']),
  );
  assert.equal(new Set(HEALTH_CHECKS.map(({ id }) => id)).size, HEALTH_CHECKS.length);
});

test('a machine compared with itself passes every check, whatever it is like', async () => {
  const name = fc.stringMatching(/^[a-z]{1,6}$/);
  const family = fc.constantFrom('ipv4' as const, 'ipv6' as const);
  const card = fc.record({
    name,
    macAddress: fc.option(fc.stringMatching(/^52:54:00:00:00:0[0-3]$/)),
    driver: fc.option(name),
    isUp: fc.boolean(),
    families: fc.uniqueArray(family),
  });
  const disk = fc.record({
    name,
    ids: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 }),
    model: fc.option(fc.constantFrom('m', 'n')),
    bytes: fc.constantFrom(512, 1024),
  });
  const mount = fc.record({
    mountPoint: fc.constantFrom('/', '/srv', '/home'),
    fileSystem: fc.constant('ext4'),
    identity: fc.option(name),
    isWritable: fc.boolean(),
    hasFailed: fc.constant(false),
  });
  const socket = fc.record({
    address: fc.constantFrom('0.0.0.0', '::', '127.0.0.1', '192.0.2.1', 'fe80::1'),
    port: fc.integer({ min: 1, max: 65_535 }),
    controlGroup: fc.constantFrom(null, '/', '/system.slice/a.service', '/user.slice/session-1.scope'),
    holder: fc.constantFrom(null, 'sshd', 'docker-proxy'),
  });
  const units = fc.array(fc.record({ name, active: fc.constantFrom('active', 'failed', 'reloading') }));
  const machine = fc.record({
    cpus: fc.integer({ min: 1, max: 512 }),
    bytes: fc.integer({ min: 1 }),
    taint: fc.nat(),
    disks: fc.array(disk, { maxLength: 5 }),
    mounts: fc.uniqueArray(mount, { selector: ({ mountPoint }) => mountPoint }),
    cards: fc.uniqueArray(card, { selector: (each) => each.name }),
    routes: fc.array(fc.record({ family, interfaceName: name })),
    sockets: fc.array(socket),
    units: fc.tuple(units, fc.boolean()),
  });
  await fc.assert(
    fc.asyncProperty(machine, async (facts) => {
      const [listed, hasSystemd] = facts.units;
      const world = healthWorld({
        readCpus: () => read(facts.cpus),
        readMemory: () => read(facts.bytes),
        readTaint: () => read(facts.taint),
        readDisks: () => read(facts.disks),
        readMounts: () => read(facts.mounts),
        readInterfaces: () => read(facts.cards),
        readDefaultRoutes: () => read(facts.routes),
        readSockets: () => read(facts.sockets),
        units: hasSystemd
          ? systemd(
              'degraded',
              listed.map((each) => unit(`${each.name}.service`, each.active)),
            )
          : silentSystemd({ state: 'absent', source: '/run/systemd/system' }),
      });
      for (const { id, state, detail } of await allResults(world, world))
        assert.equal(state, 'passed', `${id}: ${detail}`);
    }),
    inputs(200),
  );
});

test('whatever cannot be read now is not healthy, although it was the same before', async () => {
  const bad = unreadable('/proc/x', 'EIO');
  const readers = [
    ['readCpus', 'system.cpus'],
    ['readMemory', 'system.memory'],
    ['readDisks', 'system.disks'],
    ['readMounts', 'system.mounts'],
    ['readMounts', 'system.root-writable'],
    ['readTaint', 'system.kernel-warnings'],
    ['readKernelLog', 'system.kernel-warnings'],
    ['readInterfaces', 'network.interfaces'],
    ['readInterfaces', 'network.addresses'],
    ['readDefaultRoutes', 'network.routes'],
    ['readSockets', 'services.sockets'],
  ] as const;
  for (const [reader, id] of readers) {
    const world = healthWorld({ [reader]: () => bad });
    assert.equal(resultOf(await allResults(world, world), id).state, 'failed', id);
    assert.match(
      resultOf(await allResults(world, healthWorld()), id).detail,
      /unknown before, so not compared/,
      id,
    );
  }
  const mute = healthWorld({ units: silentSystemd(bad) });
  for (const id of ['system.finished', 'services.units', 'services.active', 'services.restarts'])
    assert.equal(resultOf(await allResults(mute, mute), id).state, 'waiting', id);
});

test('an ignored check is reported as it is, but no longer required', async () => {
  const results = await allResults(healthWorld(), healthWorld({ readCpus: () => read(1) }), {
    ...SETTINGS,
    ignore: ['system.cpus'],
  });
  const { isRequired, state } = resultOf(results, 'system.cpus');
  assert.deepEqual({ isRequired, state }, { isRequired: false, state: 'failed' });
  assert.equal(resultOf(results, 'system.memory').isRequired, true);
});

test('a check that breaks has failed, and the others are reported all the same', async () => {
  const broken = healthWorld({
    readCpus: () => {
      throw new Error('no such luck');
    },
  });
  const baseline = await takeBaseline(healthWorld());
  const results = await runChecks(broken, baseline, SETTINGS, 'system');
  assert.match(resultOf(results, 'system.cpus').detail, /broke: no such luck/);
  assert.equal(results.filter(({ state }) => state === 'failed').length, 1);
  assert.deepEqual(new Set(results.map(({ phase }) => phase)), new Set(['system']));
});

test('a run that is cancelled says nothing of the machine', async () => {
  const baseline = await takeBaseline(healthWorld());
  const cancelled = healthWorld({ signal: AbortSignal.abort(new Error('enough')) });
  await assert.rejects(runChecks(cancelled, baseline, SETTINGS, 'services'), /enough/);
});
