import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { type PlannedWatchdog, planWatchdog, type WatchdogPlan } from '../../src/plan/trial/plan-watchdog.ts';
import { takeBaseline } from '../../src/trial/health/baseline.ts';
import type { StagedTrial } from '../../src/trial/stage-trial.ts';
import { orderTrial } from '../../src/trial/start-trial.ts';
import type { TrialWorld } from '../../src/trial/world.ts';
import { trialCalls } from '../support/agent-world.ts';
import { healthWorld } from '../support/health-world.ts';
import { absent, healthyMachine, read, restingWatchdog } from '../support/machine-facts.ts';
import { healthyKernel } from '../support/preflight-input.ts';
import { buildTree } from '../support/tree-builder.ts';
import { machineAtHome, NOW_MS, OLD, trialWorld } from '../support/trial-world.ts';

const WATCHDOG: PlannedWatchdog = {
  ...{ state: 'planned', device: '/dev/watchdog0', driver: 'iTCO_wdt', isOverJump: true, how: 'it counts' },
  ...{
    timeoutSeconds: 30,
    leaveSeconds: 180,
    overJumpSeconds: 300,
    modules: [],
    moduleParameters: {},
    kernelArguments: [],
  },
  ...{ isNowayout: false, mustLock: false, isHeldByServiceManager: false },
};
const NONE: WatchdogPlan = { state: 'none', reason: 'there is none' };

const TRIED: StagedTrial['tried'] = {
  ...{ image: { path: '/boot/new', sha256: 'aa' }, initrds: [], deviceTree: null },
  ...{ commandLine: 'quiet', entryCommandLine: 'quiet' },
};

function staged(watchdog: WatchdogPlan, kernel: Partial<Kernel> = {}, confirmSeconds?: number): StagedTrial {
  const missing = { state: 'missing', reason: 'no room', code: undefined } as const;
  const home = { ...healthyKernel(), id: OLD, title: 'Old', release: OLD, image: '/gone/old' };
  return {
    homeDefault: { state: 'already' },
    request: {
      ...{ selector: 'new', options: {}, id: 'feedfacecafebeef', home: undefined },
      deadlines: { bootSeconds: 240, totalSeconds: 600, confirmSeconds },
    },
    // Of a proposal only the kernel counts here.
    proposal: { kernel: { ...healthyKernel(), ...kernel } } as StagedTrial['proposal'],
    tried: TRIED,
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

test('the ticket has the SHA-256 of the known-good kernel’s files, where they can be read', async () => {
  using folder = buildTree({ image: 'an image', 'image.img': 'an initramfs' });
  const [image, initrd] = [`${folder.root}/image`, `${folder.root}/image.img`];
  const stage = staged(NONE);
  const ticketOf = async (initrds: readonly string[]) => {
    using at = await order({ ...stage, homeKernel: { ...stage.homeKernel, image, initrds } });
    return at.trial.ticket.home.files;
  };
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  assert.deepEqual(await ticketOf([initrd]), [
    { path: image, sha256: sha256('an image') },
    { path: initrd, sha256: sha256('an initramfs') },
  ]);
  assert.equal(await ticketOf([`${initrd}-gone`]), undefined);
});

test('what the running kernel has only for its own way home is nothing to go back to', async () => {
  const commandLine = read('root=/dev/vda1 panic=11 khop.added=panic=11');
  const readMachine = () => ({ ...machineAtHome(), commandLine });
  const readSysctl = () => read('11\n');
  using at = await order(staged(NONE), { readMachine, readSysctl });
  const { restore } = at.trial.ticket;
  assert.deepEqual([restore['kernel.panic'], restore['kernel.panic_on_oops']], ['0', '11']);
});

test('the ticket tells of the trial what the kernel on trial, and the one that comes home, have to know', async () => {
  const sysctls: Readonly<Record<string, string>> = { 'kernel.panic': '0\n', 'kernel.hung_task_panic': '1' };
  const readSysctl = (name: string) => (sysctls[name] === undefined ? absent(name) : read(sysctls[name]));
  using at = await order(staged(WATCHDOG, { id: 'new' }), { readSysctl });
  assert.deepEqual(at.trial.ticket, {
    phase: 'jumping',
    phases: [{ phase: 'jumping', atMs: NOW_MS, upMs: null }],
    ...{ bootDeadlineSeconds: 240, deadlineSeconds: 600, needsConfirm: false, confirmSeconds: null },
    home: { id: OLD, title: 'Old', release: OLD },
    tried: TRIED,
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

interface Case {
  readonly isHeldByInit: boolean;
  readonly hasSystemd?: boolean;
  readonly fails?: 'take' | 'arm';
  /** Of a trial before this one; null: it does not end. */
  readonly guardian?: number | null;
  readonly accepted?: readonly string[];
}

/** A trial with a watchdog that counts over the jump, in a world that notes what is done to it. */
function trialOf({ isHeldByInit, hasSystemd = true, fails, guardian, accepted = [] }: Case) {
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
  let hasGuardian = guardian !== undefined;
  const world = {
    sleep: async () => undefined,
    guardian: {
      find: () => (hasGuardian ? read(guardian ?? 77) : absent('/proc')),
      tell: (_: number, message: string) => {
        did.push(`guardian ${message}`);
        hasGuardian = guardian === null;
      },
    },
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
    homeKernel: { id: 'old', title: 'Old', release: undefined, image: '/gone/old', initrds: [] },
    guard: { state: 'none' },
    watchdog,
    homeDefault: { state: 'already' },
    proposal: { kernel: { id: 'new', origin: { kind: 'file' } } },
  } as unknown as StagedTrial;
  const order = orderTrial(world, staged, { baseline: null as never, table: [], accepted });
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

test('the guardian of a trial before, which keeps a watchdog that is locked, lets go of it first', async () => {
  const { order, did } = trialOf({ isHeldByInit: false, guardian: 77 });
  await order.prepareJump();
  await order.undoPreparation();
  assert.deepEqual(did, ['guardian handOver', 'arm', 'give 0']);
  const stuck = trialOf({ isHeldByInit: false, guardian: null });
  await assert.rejects(stuck.order.prepareJump(), {
    code: 'E_REFUSED',
    message: /has not ended within 10 s/,
  });
  assert.deepEqual(stuck.did, ['guardian handOver']);
});

test('who has accepted a dead hang leaves without the watchdog that could not be armed, and whoever had it has it', async () => {
  const { order, did } = trialOf({ isHeldByInit: true, fails: 'arm', accepted: ['dead-hang'] });
  await order.prepareJump();
  assert.deepEqual(did.slice(0, 2), ['take', 'give 45']);
  assert.match(did[2]!, /^say Without a watchdog over the jump, as accepted: cannot arm\.$/);
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
