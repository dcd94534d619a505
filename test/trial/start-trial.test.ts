import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { planWatchdog } from '../../src/plan/trial/plan-watchdog.ts';
import type { StagedTrial } from '../../src/trial/stage-trial.ts';
import { orderTrial } from '../../src/trial/start-trial.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { absent, healthyMachine, read, restingWatchdog } from '../support/machine-facts.ts';

interface Case {
  readonly isHeldByInit: boolean;
  readonly hasSystemd?: boolean;
  readonly fails?: 'take' | 'arm';
}

/** A trial with a watchdog that counts over the jump, in a world that notes what is done to it. */
function trialOf({ isHeldByInit, hasSystemd = true, fails }: Case) {
  const did: string[] = [];
  const machine = healthyMachine({
    watchdogs: read([restingWatchdog({ isHeldByInit, isKeptOnReboot: true })]),
    serviceManager: read(hasSystemd ? 'systemd' : 'other') as ReturnType<
      typeof healthyMachine
    >['serviceManager'],
    systemdSettings: read(new Map()),
  });
  const watchdog = planWatchdog(machine, { deadlineSeconds: 600, jumpSeconds: 10 });
  assert.equal(watchdog.state === 'planned' && watchdog.isOverJump, true);
  const step = (name: 'take' | 'arm', text: string): void => {
    if (fails === name) throw new KhopError('E_REFUSED', `cannot ${name}`, { hint: 'Go without.' });
    did.push(text);
  };
  const world = {
    readMachine: () => machine,
    nowMs: () => 0,
    readSysctl: () => absent('/proc/sys'),
    remark: (text: string) => void did.push(`say ${text}`),
    watchdog: {
      takeFromServiceManager: async () => {
        step('take', 'take');
        return 45;
      },
      armOverJump: async () => step('arm', 'arm'),
      stop: () => {
        did.push('stop');
        return { state: 'counting', reason: '/dev/watchdog0 cannot be stopped' };
      },
      handToServiceManager: async (_: unknown, seconds: number) => {
        did.push(`give ${seconds}`);
        return 'service-manager';
      },
      findHolder: () => undefined,
    },
  } as unknown as TrialWorld;
  const staged = {
    request: { deadlines: { bootSeconds: 120, totalSeconds: 600, confirmSeconds: undefined } },
    homeKernel: { id: 'old', title: 'Old', release: undefined },
    guard: { state: 'none' },
    watchdog,
    homeDefault: { state: 'already' },
    proposal: { kernel: { id: 'new', origin: { kind: 'file' } } },
  } as unknown as StagedTrial;
  const order = orderTrial(world, staged, { baseline: null as never, table: [] });
  return { order, did };
}

test('systemd gives its watchdog away before the jump, and gets it back as it was when the jump is given up', async () => {
  const { order, did } = trialOf({ isHeldByInit: true });
  await order.prepareJump();
  await order.undoPreparation();
  assert.deepEqual(did, ['take', 'arm', 'give 45']);
});

test('systemd gets it back as well when it could not be armed', async () => {
  const { order, did } = trialOf({ isHeldByInit: true, fails: 'arm' });
  await assert.rejects(order.prepareJump(), /does not count over the jump: cannot arm/);
  await order.undoPreparation();
  assert.deepEqual(did, ['take', 'give 45']);
});

test('what systemd did not give away stays with it', async () => {
  const { order, did } = trialOf({ isHeldByInit: true, fails: 'take' });
  await assert.rejects(order.prepareJump());
  await order.undoPreparation();
  assert.deepEqual(did, []);
});

test('one that nobody had is stopped, or goes to systemd where it cannot be', async () => {
  const { order, did } = trialOf({ isHeldByInit: false });
  await order.prepareJump();
  await order.undoPreparation();
  assert.deepEqual(did, ['arm', 'give 0']);
});

test('without systemd it is stopped, and said when it counts on', async () => {
  const { order, did } = trialOf({ isHeldByInit: false, hasSystemd: false });
  await order.prepareJump();
  await order.undoPreparation();
  assert.deepEqual(did.slice(0, 2), ['arm', 'stop']);
  assert.match(did[2]!, /say .*cannot be stopped: this machine will be reset/);
});
