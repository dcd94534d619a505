/**
 * What a trial needs of the world besides what a guard and its checks do.
 * @module
 */
import type { GuardWorld } from '../guard/world.ts';
import type { GuardianMessage } from '../machine/guardian-process.ts';
import type { Reading } from '../machine/reading.ts';
import type { StopOutcome } from '../machine/watchdog/keep.ts';
import type { PlannedWatchdog } from '../plan/trial/plan-watchdog.ts';
import type { HealthWorld } from './health/world.ts';

/** The process that the first act left behind, see plan/trial/guardian.ts. */
export interface GuardianCalls {
  /** Its process id; absent when none runs. */
  readonly find: () => Reading<number>;
  /** @throws E_NOT_FOUND when it is gone */
  readonly tell: (pid: number, message: GuardianMessage) => void;
  /** Whether it has taken that message, so that it is not to be taken any more. */
  readonly hasTaken: (pid: number, message: GuardianMessage) => Reading<boolean>;
}

/** Its device, and what it counts where nobody has set anything. */
export type WatchdogInHand = Pick<PlannedWatchdog, 'device' | 'timeoutSeconds'>;

/** A hardware watchdog around the jump. */
export interface WatchdogCalls {
  /** systemd gives it away. @returns the seconds it was set to */
  readonly takeFromServiceManager: () => Promise<number>;
  /** Has it count, and shows that it does. @throws E_BUSY, E_REFUSED, E_SYSCALL when it does not */
  readonly armOverJump: (plan: PlannedWatchdog) => Promise<void>;
  /** Stops it where that can be. @throws E_BUSY */
  readonly stop: (watchdog: WatchdogInHand) => StopOutcome;
  /**
   * After whoever petted it has closed it: without configured seconds it is stopped where that can be.
   * @throws E_BUSY; E_REFUSED when nobody pets it now
   */
  readonly handToServiceManager: (
    watchdog: WatchdogInHand,
    configuredSeconds: number,
  ) => Promise<'service-manager' | 'stopped'>;
  /** The process that has it open, e.g. `watchdogd (process 512)`. @param name `watchdog0` */
  readonly findHolder: (name: string) => string | undefined;
}

/** See the module. */
export interface TrialWorld extends GuardWorld, HealthWorld {
  readonly guardian: GuardianCalls;
  readonly watchdog: WatchdogCalls;
  /** @param name e.g. `kernel.panic` */
  readonly readSysctl: (name: string) => Reading<string>;
  /** See machine/firmware-time.ts. */
  readonly readFirmwareSeconds: () => Reading<number>;
  /** How long after the kernel's start the first program of this system began, ms; undefined when nobody tells. */
  readonly readInitMs: () => Promise<number | undefined>;
  /** @throws E_USAGE for what is no name; the error of the file system */
  readonly writeSysctl: (name: string, value: string) => void;
  /** Of what crashkernel= has reserved; see machine/crash-reservation.ts. */
  readonly freeReservation: () => void;
  /** Whether a kernel waits in each slot: read often, so it reads nothing else. */
  readonly readWaiting: () => { readonly home: Reading<boolean>; readonly panic: Reading<boolean> };
  /** Resolves after `ms`. */
  readonly sleep: (ms: number) => Promise<void>;
}
