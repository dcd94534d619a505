import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { concludeCrashes } from '../../src/guard/conclude-crash.ts';
import { continuationPath, describeContinuation, withContinuation } from '../../src/guard/continuation.ts';
import { saveContinuedCrash } from '../../src/guard/continued-crash.ts';
import { findCrash } from '../../src/guard/crash-store.ts';
import { readGuardStatus } from '../../src/guard/guard-status.ts';
import type { HomePlan } from '../../src/guard/home-plan.ts';
import { planLeave } from '../../src/guard/leave.ts';
import type { GuardWorld } from '../../src/guard/world.ts';
import { ARMING, continuingMachine, continuingWorld } from '../support/continuing-world.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';

const STUB = new Uint8Array(8192).fill(0x90);

/** As arming leaves it. */
function armBefore(world: GuardWorld, id = ARMING, machine = healthyMachine()): Promise<void> {
  const region = { start: 0x6800_0000n, end: 0x6c00_0000n };
  const home: HomePlan = {
    state: 'planned',
    title: 'Debian 6.1',
    inputs: [],
    wayHome: {
      region,
      kept: [{ name: 'home', address: region.start, memorySize: 8192, bytes: STUB, source: 'x' }],
      stub: { address: region.start, bytes: STUB },
      report: undefined,
      bootProcessor: 0,
    },
  };
  return withContinuation(world, describeContinuation(home, machine, id), async () => {});
}

test('the stub is loaded, then the services stop; the chain tells it, and home is by kexec', async () => {
  using at = continuingWorld();
  await armBefore(at.world);
  const crash = saveContinuedCrash(at.world, at.world.readMachine())?.continuing.crash;
  const plan = planLeave(at.world, at.world.readMachine(), false);
  assert.equal(plan.homeTitle, 'Debian 6.1');
  await plan.leave();
  assert.deepEqual(at.calls, ['load 1 at 68000000', 'kexec.target']);
  const chain = readFileSync(join(at.root, 'state/crashes', crash!, 'chain.txt'), 'utf8');
  assert.match(chain, /^leave-kexec 4200 Debian 6\.1$/m);
  assert.equal(findCrash(join(at.root, 'state'), 'last').report.outcome, 'continued');
  concludeCrashes(at.world, healthyMachine({ commandLine: read(`root=/dev/vda1 khop.guard=${ARMING}`) }));
  assert.equal(findCrash(join(at.root, 'state'), 'last').report.outcome, 'home-by-kexec');
});

test('where no kernel waits that can be started, the way leads through the firmware, and why is said', async () => {
  const healthy = continuingMachine();
  const elsewhere = continuingMachine({ cpu: { ...healthy.cpu, bootProcessor: read(1) } });
  const cases: readonly [(world: GuardWorld) => Promise<void>, typeof healthy, RegExp][] = [
    [async () => {}, healthy, /not on disk/],
    [(world) => armBefore(world, 'fedcba9876543210'), healthy, /of another arming/],
    [(world) => armBefore(world), elsewhere, /not on the processor that the firmware starts with/],
    [
      (world) => {
        const home: HomePlan = { state: 'firmware', reason: 'it takes too much' };
        return withContinuation(world, describeContinuation(home, healthyMachine(), ARMING), async () => {});
      },
      healthy,
      /it takes too much/,
    ],
    [
      async (world) => world.files.write(continuationPath(world.folders), '{"version": 1'),
      healthy,
      /not on disk/,
    ],
  ];
  for (const [prepare, machine, why] of cases) {
    using at = continuingWorld(undefined, machine);
    await prepare(at.world);
    const plan = planLeave(at.world, machine, false);
    assert.equal(plan.way, 'firmware');
    assert.match(plan.obstacle ?? '', why);
    await plan.leave();
    assert.deepEqual(at.calls, ['reboot']);
  }
});

test('who wants the firmware gets it, although a kernel waits', async () => {
  using at = continuingWorld();
  await armBefore(at.world);
  const plan = planLeave(at.world, at.world.readMachine(), true);
  assert.equal(plan.obstacle, null);
  await plan.leave();
  assert.deepEqual(at.calls, ['reboot']);
});

test('when the way down fails, nothing stays loaded', async () => {
  using at = continuingWorld(undefined, undefined, {
    shutdown: {
      syncAhead: async () => {},
      sayLeaving: () => {},
      throughServiceManager: () => Promise.reject(new Error('blocked')),
      byOurselves: async () => {},
      now: async () => {},
      immediately: () => {},
    },
  });
  await armBefore(at.world);
  await assert.rejects(planLeave(at.world, at.world.readMachine(), false).leave(), /blocked/);
  assert.deepEqual(at.calls, ['load 1 at 68000000', 'unload normal']);
});

test('the status calls it continuing, with how to leave, and elsewhere there is nothing to leave', async () => {
  using at = continuingWorld();
  await armBefore(at.world);
  const status = readGuardStatus(at.world, at.world.readMachine());
  assert.equal(status.state, 'continuing');
  assert.equal(status.continuing?.homeTitle, 'Debian 6.1');
  assert.equal(status.continuing?.crash, undefined);
  assert.throws(
    () => planLeave(at.world, healthyMachine(), false),
    (error: unknown) => error instanceof KhopError && error.code === 'E_STATE',
  );
});

test('a panic kernel that stays loaded because another could not be keeps its way home', async () => {
  using at = continuingWorld();
  await armBefore(at.world);
  const path = continuationPath(at.world.folders);
  const before = readFileSync(path, 'utf8');
  const next = describeContinuation({ state: 'firmware', reason: 'x' }, healthyMachine(), 'f'.repeat(16));
  const busy = withContinuation(at.world, next, () => Promise.reject(new Error('EBUSY')));
  await assert.rejects(busy, /EBUSY/);
  assert.equal(readFileSync(path, 'utf8'), before);
});
