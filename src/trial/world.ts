/**
 * What a trial needs of the world besides what a guard and its checks do.
 * @module
 */
import type { GuardWorld } from '../guard/world.ts';
import type { GuardianMessage } from '../machine/guardian-process.ts';
import type { Reading } from '../machine/reading.ts';
import type { PlannedWatchdog } from '../plan/trial/plan-watchdog.ts';
import type { HealthWorld } from './health/world.ts';

/** The process that the first act left behind, see plan/trial/guardian.ts. */
export interface GuardianCalls {
  /** Its process id; absent when none runs. */
  readonly find: () => Reading<number>;
  /** @throws E_NOT_FOUND when it is gone */
  readonly tell: (pid: number, message: GuardianMessage) => void;
}

/** A hardware watchdog around the jump. */
export interface WatchdogCalls {
  /** Has it count, and shows that it does. @throws E_BUSY, E_REFUSED, E_SYSCALL when it does not */
  readonly armOverJump: (plan: PlannedWatchdog) => Promise<void>;
  /** Stops it; says so when that cannot be. */
  readonly stop: (plan: PlannedWatchdog) => void;
  /** After whoever petted it has closed it. @throws E_BUSY; E_REFUSED when nobody pets it now */
  readonly handToServiceManager: (plan: PlannedWatchdog, configuredSeconds: number) => Promise<void>;
}

/** See the module. */
export interface TrialWorld extends GuardWorld, HealthWorld {
  readonly guardian: GuardianCalls;
  readonly watchdog: WatchdogCalls;
  /** @param name e.g. `kernel.panic` */
  readonly readSysctl: (name: string) => Reading<string>;
  /** Of what crashkernel= has reserved; see machine/crash-reservation.ts. */
  readonly freeReservation: () => void;
  /** Milliseconds since the kernel started. */
  readonly uptimeMs: () => number;
  /** Resolves after `ms`. */
  readonly sleep: (ms: number) => Promise<void>;
}
