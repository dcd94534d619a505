/**
 * What the first act of a kernel on trial has to do, as a value.
 * @module
 */
import type { Architecture } from '../../formats/architecture.ts';
import type { LoadPlan } from '../load-plan.ts';

/** All that the first act needs lies here, and is gone when the system's own init starts. */
export const FIRST_ACT_FOLDER = '/khop';

/**
 * For `rdinit=` of the trial's command line. What stands in front of `rdinit=` there and is no parameter of the
 * kernel does not reach init (init/main.c, rdinit_setup), so it should come first.
 */
export const FIRST_ACT_PATH = '/khop/first';

/** One trial's first act. */
export interface FirstActOrder {
  readonly architecture: Architecture;
  /** What the kernel would have started: `/init`, or rdinit= of the command line. */
  readonly init: string;
  /**
   * The panic kernel; undefined: not armed. Of a planned `elfcorehdr` only the ranges of memory are taken. Segments need
   * the reservation at one address, `crashkernel=SIZE@OFFSET`, which a kernel with KASLR may occupy itself: then loading
   * fails with EADDRNOTAVAIL. By file, `crashkernel=SIZE` does and there is nothing to hit.
   */
  readonly crash: LoadPlan | undefined;
  /** The known-good kernel; undefined: home leads through the panic kernel or the firmware. */
  readonly home: LoadPlan | undefined;
  readonly watchdog: TrialWatchdog | undefined;
  /** From the start of the kernel until the agent has checked in, ms. */
  readonly bootDeadlineMs: number;
  /** From the start of the kernel until everything is confirmed, ms. */
  readonly deadlineMs: number;
  /** From the word that the agent goes home until the guardian does so itself, ms. */
  readonly wayHomeMs: number;
}

/** The watchdog that the guardian keeps. */
export interface TrialWatchdog {
  /** Not compressed, in the order in which they go in. */
  readonly modules: readonly TrialModule[];
  /** `/dev/watchdog0`. */
  readonly device: string;
  readonly timeoutSeconds: number;
  /** From the last time it is petted until the known-good kernel sees to it. */
  readonly leaveSeconds: number;
}

/** A kernel module with what it is told, as after its name in modprobe.d. */
export interface TrialModule {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly parameters: string;
}
