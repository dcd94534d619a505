/**
 * How long a machine may take from its crash until the known-good kernel answers. A panic kernel that minds no deadline may
 * come home all the same, only later.
 * @module
 */
import { LAST_WAIT_MS } from '../../../src/plan/capture/guardian.ts';
import { DEADLINE_SECONDS } from './bed.ts';

/**
 * What no deadline counts: the start of the panic kernel, whose clock the deadline goes by, then firmware, the known-good kernel
 * and its agent. An emulated machine takes about 20 s for all that, one that shares two processors with another one
 * some more; three times as much is none of the guard's fault.
 */
const STARTS_SECONDS = 60;

/** Of every case that a deadline ends; those that end before it are far below. */
export const HOME_WITHIN_SECONDS = DEADLINE_SECONDS + LAST_WAIT_MS / 1000 + STARTS_SECONDS;

/** A sentence for a way home that took longer than any may; undefined: it did not. @param seconds while the machine ran */
export function lateness(seconds: number): string | undefined {
  if (seconds <= HOME_WITHIN_SECONDS) return undefined;
  return `after ${Math.ceil(seconds)} s, of ${HOME_WITHIN_SECONDS} at most`;
}
