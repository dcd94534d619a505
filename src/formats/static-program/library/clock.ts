/**
 * Time in a static program, by the clock that nobody sets.
 * @module
 */
import { fn, type ProgramFunction } from '../functions.ts';
import { giveBack, leaveLoop, loop, store, when } from '../statements.ts';
import { load, sys, zeroed } from '../terms.ts';
import { LINUX } from './linux.ts';

/** Milliseconds since some time before the start. */
export const monotonicMs = clockMs('monotonicMs', LINUX.CLOCK_MONOTONIC);

/** Milliseconds since the kernel started, those in which the machine slept too. */
export const bootMs = clockMs('bootMs', LINUX.CLOCK_BOOTTIME);

function clockMs(name: string, clock: number): ProgramFunction<readonly []> {
  return fn(name, [], [], () => {
    const now = zeroed(16); // struct timespec: seconds, nanoseconds
    return [
      sys.clock_gettime(clock, now),
      giveBack([[load.u64(now), '*', 1000], '+', [load.u64([now, '+', 8]), '/', 1_000_000]]),
    ];
  });
}

/** Waits, signals or not. */
export const sleepMs = fn('sleepMs', ['ms'], [], ({ ms }) => {
  const left = zeroed(16);
  return [
    store.u64(left, [ms, '/', 1000]),
    store.u64([left, '+', 8], [[ms, '%', 1000], '*', 1_000_000]),
    loop([
      when([sys.clock_nanosleep(LINUX.CLOCK_MONOTONIC, 0, left, left), '!=', -LINUX.EINTR], [leaveLoop]),
    ]),
  ];
});
