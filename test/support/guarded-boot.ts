/**
 * A guard in a machine with one kernel and a reservation.
 * @module
 */
import { join } from 'node:path';
import { armGuard, planGuard } from '../../src/guard/arm.ts';
import {
  DEFAULT_GUARD_SETTINGS,
  encodeGuardSettings,
  guardSettingsPath,
} from '../../src/guard/guard-settings.ts';
import type { MachineFacts } from '../../src/machine/facts.ts';
import { continuingWorld } from './continuing-world.ts';
import { CRASH_RANGE, machineWithReservation } from './load-requests.ts';
import { healthyMachine, read } from './machine-facts.ts';
import type { PreparedBoot } from './prepared-boot.ts';

/** Of an arming. */
export const ID = 'fedcba9876543210';
/** Where reports go. */
export const NOWHERE = { state: 'nowhere', reason: 'there is no disk' } as const;

/** With the reservation of CRASH_RANGE, and a panic kernel in it. */
export function guarded(over: Partial<MachineFacts> = {}): MachineFacts {
  const { kexec } = healthyMachine();
  const crashSize = read(CRASH_RANGE.end - CRASH_RANGE.start);
  return machineWithReservation({
    kexec: { ...kexec, crashSize, crashLoaded: read(true) },
    ...over,
  });
}

/** That kernel catches panics, and is the one to come home with. */
export function settingsFor(boot: PreparedBoot) {
  return { ...DEFAULT_GUARD_SETTINGS, kernel: boot.image, home: boot.image };
}

/** @param clock ms since 1970; a millisecond goes by at each look unless told */
export function worldFor(boot: PreparedBoot, clock?: () => number) {
  const folders = {
    root: boot.root,
    state: join(boot.root, 'state'),
    run: join(boot.root, 'run'),
    cache: boot.cache,
  };
  let nowMs = 1_700_000_000_000;
  return continuingWorld({}, guarded(), { folders, nowMs: clock ?? (() => nowMs++) });
}

/** As `khop guard on`, without its looks at what changed meanwhile. */
export async function arm(boot: PreparedBoot, world: ReturnType<typeof worldFor>['world']) {
  const settings = settingsFor(boot);
  const planned = await planGuard(world, settings, ID, NOWHERE);
  await armGuard(world, planned, settings);
  world.files.write(guardSettingsPath(world.folders), encodeGuardSettings(settings));
  return planned;
}
