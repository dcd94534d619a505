/**
 * Two jobs that want the same checkpoint: the first one makes it.
 * @module
 */

const last = new Map<string, Promise<unknown>>();

/** Does `work` when everything of that key that was asked for before is over, however that ended. */
export function inTurns<T>(key: string, work: () => Promise<T>): Promise<T> {
  const turn = (last.get(key) ?? Promise.resolve()).then(work, work);
  last.set(key, turn);
  return turn;
}
