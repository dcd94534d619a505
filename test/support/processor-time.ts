/**
 * How long something computes: on a machine that does other things as well, only that says what it costs.
 * @module
 */

/** Milliseconds of this thread's processor time that `work` takes. */
export function processorTimeMs(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}
