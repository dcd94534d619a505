/**
 * What the use cases of a trial need of this machine besides the guard's world.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { keepArmed } from '../guard/guard.ts';
import type { GuardWorld } from '../guard/world.ts';
import { crashKernel } from '../machine/crash-trigger.ts';
import { readPersistentRecordTimes } from '../machine/persistent-records.ts';
import { tellUsers } from '../machine/service-manager.ts';
import { writeSysctl } from '../machine/sysctl.ts';
import type { Announcer } from '../trial/announce.ts';
import type { ResetEvidence } from '../trial/conclude-trial.ts';
import type { ConfirmCalls } from '../trial/confirm.ts';
import type { GoHomeCalls } from '../trial/go-home.ts';
import type { CliContext } from './context.ts';

/** How people on this machine are told. */
export function announcer({ signal }: CliContext): Announcer {
  return { tellUsers: async (text) => await tellUsers(text, { signal }) };
}

/** What this boot says of the reset before it. */
export function readResetEvidence(root: string): ResetEvidence {
  return {
    watchdogReset: { state: 'absent', source: '/sys/class/watchdog/*/bootstatus' },
    persistentRecords: readPersistentRecordTimes(root),
  };
}

/** What the running kernel does when it is confirmed. */
export function confirmCalls(context: CliContext, world: GuardWorld): ConfirmCalls {
  return {
    ...announcer(context),
    tellGuardian: async (id) => world.files.write(`${world.folders.run}/trial-confirmed`, `${id}\n`),
    writeSysctl: (name, value) => writeSysctl(world.folders.root, name, value),
    rearmGuard: async () => {
      await keepArmed(world);
    },
  };
}

/** The hard end of the way home. */
export function goHomeCalls(): GoHomeCalls {
  return { crashKernel, wait: async (ms) => await sleep(ms) };
}
