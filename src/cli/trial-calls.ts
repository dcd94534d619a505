/**
 * What the use cases of a trial need of this machine besides the guard's world.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { crashKernel } from '../machine/crash-trigger.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { sayLeaving } from '../machine/guardian-process.ts';
import { loadModule } from '../machine/load-module.ts';
import { readPersistentRecordTimes } from '../machine/persistent-records.ts';
import { startUnit, tellUsers } from '../machine/service-manager.ts';
import { writeSysctl } from '../machine/sysctl.ts';
import { readBootStatus } from '../machine/watchdog/boot-status.ts';
import type { SwitchWorld } from '../switch/world.ts';
import type { Announcer } from '../trial/announce.ts';
import type { ResetEvidence } from '../trial/conclude-trial.ts';
import type { ConfirmCalls } from '../trial/confirm.ts';
import type { GoHomeCalls } from '../trial/go-home.ts';
import { endGuardian, releaseWaitingKernels } from '../trial/leave-net.ts';
import { gatherResetEvidence } from '../trial/reset-evidence.ts';
import type { TrialWorld } from '../trial/world.ts';
import type { CliContext } from './context.ts';

/** Its condition is that a switch led to this boot, which a trial does once it is confirmed. */
const MEASURE_UNIT = 'khop-measure.service';

/** How people on this machine are told. */
export function announcer({ signal }: CliContext): Announcer {
  return { tellUsers: async (text) => await tellUsers(text, { signal }) };
}

/** What this boot says of the reset before it. */
export async function resetEvidence(
  { signal }: CliContext,
  world: SwitchWorld,
  machine: MachineFacts,
): Promise<ResetEvidence> {
  const { root } = world.folders;
  return await gatherResetEvidence(world, machine, {
    read: () => ({ watchdogReset: readBootStatus(root), persistentRecords: readPersistentRecordTimes(root) }),
    loadModule: async (name) => await loadModule(name, signal),
    wait: async (ms) => await sleep(ms, undefined, { signal }),
  });
}

/** What the running kernel does when it is confirmed. */
export function confirmCalls(context: CliContext, world: TrialWorld): ConfirmCalls {
  return {
    ...announcer(context),
    endGuardian: async () => await endGuardian(world),
    writeSysctl: (name, value) => writeSysctl(world.folders.root, name, value),
    rearmGuard: async () => await releaseWaitingKernels(world),
    startMeasuring: async () => await startUnit(world.folders.root, MEASURE_UNIT, context),
  };
}

/** The hard end of the way home. */
export function goHomeCalls(root: string): GoHomeCalls {
  return {
    crashKernel,
    wait: async (ms) => await sleep(ms),
    sayLeaving: (message) => sayLeaving(root, message),
  };
}
