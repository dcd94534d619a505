/**
 * Keeping SIGINT, SIGTERM and SIGHUP from ending the process in the middle of what must not be left half
 * done: a load, or the way down. A signal that came is delivered when the hold ends.
 * @module
 */

const HELD = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Holds the signals until disposed. Node.js delivers signals between turns of its event loop, so the ones
 * that came during a blocking call are seen two turns after it; only then the hold is over.
 */
export function holdSignals(): Disposable {
  const came = new Set<NodeJS.Signals>();
  const note = (signal: NodeJS.Signals): void => {
    came.add(signal);
  };
  for (const signal of HELD) process.on(signal, note);
  const release = (): void => {
    for (const signal of HELD) {
      process.off(signal, note);
      // Whoever else listens has been told already.
      if (came.has(signal) && process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    }
  };
  return { [Symbol.dispose]: () => setImmediate(() => setImmediate(release)) };
}
