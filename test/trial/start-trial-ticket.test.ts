import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kernel } from '../../src/kernels/kernel.ts';
import type { PlannedWatchdog, WatchdogPlan } from '../../src/plan/trial/plan-watchdog.ts';
import { takeBaseline } from '../../src/trial/health/baseline.ts';
import type { StagedTrial } from '../../src/trial/stage-trial.ts';
import { orderTrial } from '../../src/trial/start-trial.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { trialCalls } from '../support/agent-world.ts';
import { healthWorld } from '../support/health-world.ts';
import { absent, read } from '../support/machine-facts.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { machineAtHome, NOW_MS, OLD, trialWorld } from '../support/trial-world.ts';

const WATCHDOG: PlannedWatchdog = {
  ...{ state: 'planned', device: '/dev/watchdog0', driver: 'iTCO_wdt', isOverJump: true, how: 'it counts' },
  ...{ timeoutSeconds: 30, overJumpSeconds: 300, modules: [], moduleParameters: {}, kernelArguments: [] },
  ...{ isNowayout: false, mustLock: false, isHeldByServiceManager: false },
};
const NONE: WatchdogPlan = { state: 'none', reason: 'there is none' };

function staged(watchdog: WatchdogPlan, kernel: Partial<Kernel> = {}, confirmSeconds?: number): StagedTrial {
  const missing = { state: 'missing', reason: 'no room' } as const;
  const home = { ...healthyKernel(), id: OLD, title: 'Old', release: OLD };
  return {
    homeDefault: { state: 'already' },
    request: {
      ...{ selector: 'new', options: {}, id: 'feedfacecafebeef', home: undefined },
      deadlines: { bootSeconds: 240, totalSeconds: 600, confirmSeconds },
    },
    // Of a proposal only the kernel counts here.
    proposal: { kernel: { ...healthyKernel(), ...kernel } } as StagedTrial['proposal'],
    ...{ homeKernel: home, home: missing, guard: missing, watchdog, firstActObstacle: undefined },
  };
}

async function order(stage: StagedTrial, over: Partial<TrialWorld> = {}) {
  const at = trialWorld(machineAtHome(), null);
  const world = { ...trialCalls(at.world, at.calls), ...over };
  const row = { class: 'panic', what: 'w', by: 'b', seconds: 7, isCovered: true, remedy: null } as const;
  const baseline = await takeBaseline(healthWorld());
  const trial = orderTrial(world, stage, { baseline, table: [row] });
  return { ...at, trial, baseline, world };
}

test('the ticket tells of the trial what the kernel on trial, and the one that comes home, have to know', async () => {
  const sysctls: Readonly<Record<string, string>> = { 'kernel.panic': '0\n', 'kernel.hung_task_panic': '1' };
  const readSysctl = (name: string) => (sysctls[name] === undefined ? absent(name) : read(sysctls[name]));
  using at = await order(staged(WATCHDOG, { id: 'new' }), { readSysctl });
  assert.deepEqual(at.trial.ticket, {
    phase: 'jumping',
    phases: [{ phase: 'jumping', atMs: NOW_MS, upMs: null }],
    ...{ bootDeadlineSeconds: 240, deadlineSeconds: 600, needsConfirm: false, confirmSeconds: null },
    home: { id: OLD, title: 'Old', release: OLD },
    ...{ entryId: 'new', arming: null, watchdog: 'iTCO_wdt', cause: null, baseline: at.baseline },
    restore: { 'kernel.panic': '0', 'kernel.hung_task_panic': '1' },
    coverage: [{ class: 'panic', by: 'b', seconds: 7 }],
  });
  assert.deepEqual(at.calls, []);
  assert.deepEqual(at.disk(), { 'boot/loader/loader.conf': 'default old.conf\n' }, 'nothing is written');
});

test('who has to confirm has so long, and a kernel by its path is no boot entry', async () => {
  using at = await order(staged(NONE, { origin: { kind: 'file' } }, 300));
  const { needsConfirm, confirmSeconds, entryId, watchdog } = at.trial.ticket;
  assert.deepEqual([needsConfirm, confirmSeconds, entryId, watchdog], [true, 300, null, null]);
});

test('the known-good kernel is the default before anything else is done', async () => {
  using at = trialWorld(machineAtHome(), null);
  const done: unknown[] = [];
  const world = {
    ...trialCalls(at.world, at.calls),
    bootLoader: { ...at.world.bootLoader, apply: async (steps: unknown) => void done.push(steps) },
  };
  const steps = [{ kind: 'remove', path: '/x' }] as never;
  const stage: StagedTrial = {
    ...staged(NONE),
    homeDefault: { state: 'planned', plan: { steps, notes: [] } },
  };
  const order = orderTrial(world, stage, { baseline: await takeBaseline(healthWorld()), table: [] });
  assert.deepEqual(done, []);
  await order.prepareJump();
  assert.deepEqual(done, [steps]);
});
