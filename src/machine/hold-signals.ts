/**
 * Keeping SIGINT, SIGTERM and SIGHUP from ending the process in the middle of what must not be left half
 * done: a load, or the way down. A signal that came is delivered when the hold ends.
 * @module
 */

const HELD = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What a service manager, and the end of a session, send. */
const ENDS = ['SIGTERM', 'SIGHUP'] as const;

/** The listeners of holds: they tell nobody. */
const notes = new Set<unknown>();

/** Signals that nobody has heard of yet. One that came in an earlier hold is told when the last of them ends. */
const came = new Set<NodeJS.Signals>();

/**
 * Holds the signals until disposed. Node.js delivers signals between turns of its event loop, so the ones
 * that came during a blocking call are seen two turns after it; only then the hold is over.
 */
export function holdSignals(): Disposable {
  // A listener for one time is gone by the end of the hold, and has been told all the same.
  const heeded = HELD.filter((signal) => process.listeners(signal).some((one) => !notes.has(one)));
  const note = (signal: NodeJS.Signals): void => {
    if (!heeded.some((one) => one === signal)) came.add(signal);
  };
  notes.add(note);
  for (const signal of HELD) process.on(signal, note);
  const release = (): void => {
    notes.delete(note);
    for (const signal of HELD) {
      process.off(signal, note);
      // Whoever else listens has been told already, and another hold is still to end.
      if (came.has(signal) && !heeded.includes(signal) && process.listenerCount(signal) === 0)
        process.kill(process.pid, signal);
    }
    if (notes.size === 0) came.clear();
  };
  return { [Symbol.dispose]: () => setImmediate(() => setImmediate(release)) };
}

/**
 * Until disposed, the first SIGTERM or SIGHUP (the end of a remote session) is to this process what Ctrl-C is: what
 * was begun is undone in order.
 */
export function endAsInterrupted(): Disposable {
  for (const signal of ENDS) process.once(signal, interrupt);
  return { [Symbol.dispose]: endAtOnce };
}

/**
 * From here on SIGTERM and SIGHUP end this process at once again. Once the service manager is told to go down it sends
 * them itself, and nothing of what was begun is to be undone.
 */
export function endAtOnce(): void {
  for (const signal of ENDS) process.off(signal, interrupt);
}

function interrupt(): void {
  process.emit('SIGINT', 'SIGINT');
}
