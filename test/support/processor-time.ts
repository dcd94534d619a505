/**
 * How long something computes: on a machine that does other things as well, only that says what it costs.
 * @module
 */
import assert from 'node:assert/strict';

/** Milliseconds of this thread's processor time that `work` takes. */
export function processorTimeMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** Runs `work`, which must come to an end soon whatever its input says. */
export function assertEndsSoon(work: () => void, limitMs = 5000): void {
  const took = processorTimeMs(work);
  assert.ok(took < limitMs, `took ${Math.round(took)} ms`);
}
