import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  guardSettingsPath,
} from '../../src/guard/guard-settings.ts';
import {
  makePermanent,
  planReservation,
  proposeReserving,
  type ReservationPlan,
  releaseReservation,
} from '../../src/guard/reservation.ts';
import type { SystemdBootState } from '../../src/kernels/boot-loader-state.ts';
import type { BootLoaderStep } from '../../src/machine/boot-loader/boot-loader-step.ts';
import { planPermanentParameters } from '../../src/plan/boot-loader/change-boot-loader.ts';
import { continuingWorld } from '../support/continuing-world.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { OLD, trialWorld } from '../support/trial-world.ts';

function loader(options: string): SystemdBootState {
  return {
    kind: 'systemd-boot',
    loaderConf: { path: '/boot/loader/loader.conf', text: '' },
    entries: [{ path: '/boot/loader/entries/a.conf', text: `linux /a\noptions ${options}\n` }],
    unifiedImages: [],
    kernelCommandLine: { path: '/etc/kernel/cmdline', text: undefined },
    entryDefault: undefined,
    entryOneShot: undefined,
  };
}

/** A world with that loader, and the steps that are carried out there. */
function worldWith(options: string, obstacles: readonly string[] = []) {
  const steps: BootLoaderStep[] = [];
  const at = continuingWorld({}, undefined, {
    bootLoader: {
      read: async () => loader(options),
      obstacles: () => obstacles,
      apply: async (wanted) => {
        steps.push(...wanted);
      },
    },
  });
  return { at, steps, [Symbol.dispose]: () => at[Symbol.dispose]() };
}

function planned(options: string): ReservationPlan {
  const permanent = planPermanentParameters(loader(options), [{ name: 'crashkernel', value: '96M' }]);
  return {
    ...{ mib: 96n, need: undefined, permanent, obstacle: undefined },
    ...{ selector: 'a', panicProcessor: undefined, earlyPanic: undefined },
    told: permanent.steps.length === 0 ? [] : ['crashkernel'],
  };
}

test('crashkernel= that somebody else has set stays when the guard is turned off', async () => {
  using world = worldWith('quiet crashkernel=256M');
  const { world: guard } = world.at;
  assert.equal((await releaseReservation(guard)).permanent, undefined, 'the guard was never on');
  guard.files.write(guardSettingsPath(guard.folders), encodeGuardSettings(DEFAULT_GUARD_SETTINGS));
  assert.equal((await releaseReservation(guard)).permanent, undefined, 'it found memory reserved');
  assert.deepEqual(world.steps, []);
});

test('what khop has set is remembered, and taken away', async () => {
  using set = worldWith('quiet');
  const settings = await makePermanent(set.at.world, planned('quiet'), DEFAULT_GUARD_SETTINGS);
  assert.equal(settings.permanentMib, 96);
  assert.ok(set.steps.some((step) => step.kind === 'file' && /crashkernel=96M/.test(step.after ?? '')));

  using world = worldWith('quiet crashkernel=96M');
  const { world: guard } = world.at;
  guard.files.write(guardSettingsPath(guard.folders), encodeGuardSettings(settings));
  await releaseReservation(guard);
  assert.ok(world.steps.some((step) => step.kind === 'file' && !/crashkernel/.test(step.after ?? '')));
});

test('a boot loader that asks for it already is not changed, and nothing is remembered', async () => {
  using world = worldWith('quiet crashkernel=96M');
  const settings = await makePermanent(
    world.at.world,
    planned('quiet crashkernel=96M'),
    DEFAULT_GUARD_SETTINGS,
  );
  assert.equal(settings.permanentMib, null);
  assert.deepEqual(world.steps, []);
});

test('a boot loader that cannot be changed back is said', async () => {
  using world = worldWith('quiet crashkernel=96M', ['/boot is read-only']);
  const { world: guard } = world.at;
  const settings = { ...DEFAULT_GUARD_SETTINGS, permanentMib: 96 };
  guard.files.write(guardSettingsPath(guard.folders), encodeGuardSettings(settings));
  assert.deepEqual(await releaseReservation(guard), {
    names: ['crashkernel'],
    permanent: undefined,
    obstacle: '/boot is read-only',
  });
});

/** A machine with two kernels, of which the old one runs with `running` and starts by itself with `options`. */
function installed(options: string, running = 'root=/dev/vda1 quiet', config: Record<string, string> = {}) {
  const machine = healthyMachine({
    release: read(OLD),
    commandLine: read(running),
    kernelConfig: read(new Map(Object.entries(config))),
  });
  const entry = `title old\nversion ${OLD}\nlinux /old\ninitrd /old.img\noptions ${options}\n`;
  const steps: BootLoaderStep[] = [];
  const at = trialWorld(machine, null, { 'boot/loader/entries/old.conf': entry });
  const bootLoader = {
    read: async () => loader(options),
    obstacles: () => [],
    apply: async (wanted: readonly BootLoaderStep[]) => {
      steps.push(...wanted);
    },
  };
  const world = { ...at.world, bootLoader };
  return { world, steps, [Symbol.dispose]: () => at[Symbol.dispose]() };
}

test('where a panic before the guard is armed would stand still, panic= is set with crashkernel= and taken back', async () => {
  using set = installed('quiet');
  const plan = await planReservation(set.world, DEFAULT_GUARD_SETTINGS, 96n);
  assert.deepEqual([plan.earlyPanic, plan.told], [{ name: 'panic', value: '10' }, ['crashkernel', 'panic']]);
  const settings = await makePermanent(set.world, plan, DEFAULT_GUARD_SETTINGS);
  assert.deepEqual([settings.permanentMib, settings.permanentPanic], [96, true]);
  assert.match(JSON.stringify(set.steps), /options quiet crashkernel=96M panic=10/);
  const { plan: load } = proposeReserving(set.world, plan, 'feedfacecafebeef');
  assert.match(load?.commandLine ?? '', / crashkernel=96M panic=10( |$)/);

  using world = installed('quiet crashkernel=96M panic=10');
  world.world.files.write(guardSettingsPath(world.world.folders), encodeGuardSettings(settings));
  assert.deepEqual((await releaseReservation(world.world)).names, ['crashkernel', 'panic']);
  assert.ok(world.steps.every((step) => step.kind === 'file' && step.after === 'linux /a\noptions quiet\n'));
});

test('of two parameters only the one that khop has set is remembered, and taken away', async () => {
  using set = installed('quiet crashkernel=96M');
  const plan = await planReservation(set.world, DEFAULT_GUARD_SETTINGS, 96n);
  const settings = await makePermanent(set.world, plan, DEFAULT_GUARD_SETTINGS);
  assert.deepEqual([settings.permanentMib, settings.permanentPanic], [null, true]);
  using world = installed('quiet crashkernel=96M panic=10');
  world.world.files.write(guardSettingsPath(world.world.folders), encodeGuardSettings(settings));
  await releaseReservation(world.world);
  assert.match(JSON.stringify(world.steps), /options quiet crashkernel=96M\\n/);
  // What was set before stays known when memory is reserved anew.
  const again = await planReservation(world.world, settings, 128n);
  assert.equal((await makePermanent(world.world, again, settings)).permanentPanic, true);
});

test('panic= stays as somebody has set it, and is not added to a kernel that restarts by itself', async () => {
  for (const [options, running, config] of [
    ['quiet', 'root=/dev/vda1 panic=0', {}],
    ['quiet panic=30', 'root=/dev/vda1 quiet', {}],
    ['quiet', 'root=/dev/vda1 quiet', { CONFIG_PANIC_TIMEOUT: '5' }],
  ] as const) {
    using at = installed(options, running, config);
    const { earlyPanic, told } = await planReservation(at.world, DEFAULT_GUARD_SETTINGS, 96n);
    assert.deepEqual([earlyPanic, told], [undefined, ['crashkernel']], `${options} | ${running}`);
  }
});
