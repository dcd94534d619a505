import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  guardSettingsPath,
} from '../../src/guard/guard-settings.ts';
import { makePermanent, type ReservationPlan, releaseReservation } from '../../src/guard/reservation.ts';
import type { SystemdBootState } from '../../src/kernels/boot-loader-state.ts';
import type { BootLoaderStep } from '../../src/machine/boot-loader/boot-loader-step.ts';
import { planPermanentParameters } from '../../src/plan/boot-loader/change-boot-loader.ts';
import { continuingWorld } from '../support/continuing-world.ts';

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
    ...{ selector: 'a', panicProcessor: undefined },
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
    permanent: undefined,
    obstacle: '/boot is read-only',
  });
});
