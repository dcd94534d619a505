/**
 * What a trial needs of the world besides what a guard and its checks do.
 * @module
 */
import type { GuardWorld } from '../guard/world.ts';
import type { GuardianMessage } from '../machine/guardian-process.ts';
import type { Reading } from '../machine/reading.ts';
import type { WatchdogPlan } from '../plan/trial/plan-watchdog.ts';
import type { HealthWorld } from './health/world.ts';

/** The process that the first act left behind, see plan/trial/first-act.ts. */
export interface GuardianCalls {
  /** Its process id; absent when none runs. */
  readonly find: () => Reading<number>;
  /** `checked-in`: the agent runs; `confirmed`: stop the watchdog and end; `hand-over`: end, and leave the watchdog counting. */
  readonly tell: (pid: number, message: GuardianMessage) => void;
}

type PlannedWatchdog = Extract<WatchdogPlan, { readonly state: 'planned' }>;

/** A hardware watchdog around the jump. */
export interface WatchdogCalls {
  /** Has it count, and shows that it does. @throws E_REFUSED, E_SYSCALL when it does not */
  readonly armOverJump: (plan: PlannedWatchdog) => Promise<void>;
  /** Stops it; one that cannot be stopped is said. */
  readonly stop: (plan: PlannedWatchdog) => void;
}

/** See the module. */
export interface TrialWorld extends GuardWorld, HealthWorld {
  readonly guardian: GuardianCalls;
  readonly watchdog: WatchdogCalls;
  /** @param name with slashes, e.g. `kernel/panic` */
  readonly readSysctl: (name: string) => Reading<string>;
  /** @throws E_UNREADABLE when it cannot be written */
  readonly writeSysctl: (name: string, value: string) => void;
  /** Milliseconds since the kernel started. */
  readonly uptimeMs: () => number;
  /** Resolves after `ms`, or when the world's signal fires. */
  readonly sleep: (ms: number) => Promise<void>;
}
