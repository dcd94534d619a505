/**
 * The world of a trial on this machine.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../error.ts';
import { freeCrashReservation } from '../machine/crash-reservation.ts';
import { readFirmwareSeconds } from '../machine/firmware-time.ts';
import { findGuardian, hasTakenMessage, tellGuardian } from '../machine/guardian-process.ts';
import { readKexecState } from '../machine/kexec-state.ts';
import { readSysctl, writeSysctl } from '../machine/sysctl.ts';
import { armOverJump } from '../machine/watchdog/arm.ts';
import { findHolder } from '../machine/watchdog/holder.ts';
import { stopWatchdog } from '../machine/watchdog/keep.ts';
import { handToServiceManager, takeFromServiceManager } from '../machine/watchdog/service-manager.ts';
import type { TrialWorld } from '../trial/world.ts';
import type { CliContext } from './context.ts';
import { openGuardWorld } from './guard-world.ts';
import { healthCalls } from './health-world.ts';

/** It is only an estimate that goes without it. */
async function readInitMs(signal: AbortSignal): Promise<number | undefined> {
  const { readBootTimes } = await import('../machine/boot-times.ts');
  try {
    return (await readBootTimes(signal)).initMs;
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return undefined;
  }
}

/** As `openGuardWorld`, with what only a trial needs. */
export function openTrialWorld(context: CliContext): TrialWorld {
  const world = openGuardWorld(context);
  const { root } = world.folders;
  return {
    ...world,
    ...healthCalls(context, root),
    guardian: {
      find: () => findGuardian(root),
      tell: tellGuardian,
      hasTaken: (pid, message) => hasTakenMessage(root, pid, message),
    },
    watchdog: {
      takeFromServiceManager: async () => await takeFromServiceManager({ signal: context.signal }),
      armOverJump: async (plan) => void (await armOverJump(root, plan)),
      stop: ({ device }) => stopWatchdog(root, device),
      findHolder: (name) => findHolder(root, name),
      handToServiceManager: async ({ device, timeoutSeconds }, configuredSeconds) => {
        const order = { device, configuredSeconds, timeoutSeconds };
        const outcome = await handToServiceManager(root, order, { signal: context.signal });
        if (outcome.state !== 'counting') return outcome.state;
        throw new KhopError('E_REFUSED', outcome.reason, {
          hint: 'Without somebody who pets it, this machine will be reset.',
        });
      },
    },
    freeReservation: () => freeCrashReservation(root),
    readSysctl: (name) => readSysctl(root, name),
    readFirmwareSeconds: () => readFirmwareSeconds(root),
    readInitMs: async () => await readInitMs(context.signal),
    writeSysctl: (name, value) => writeSysctl(root, name, value),
    readWaiting: () => {
      const { loaded, crashLoaded } = readKexecState(root, undefined);
      return { home: loaded, panic: crashLoaded };
    },
    sleep: async (ms) => await sleep(ms),
  };
}
