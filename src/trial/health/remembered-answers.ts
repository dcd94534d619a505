/**
 * Asking a port whether it answers leaves a line in the log of many a service, and a trial asks every second. So an
 * answer holds for a while, the longer the more of them there were; that somebody still listens is seen without asking.
 * @module
 */
import type { HealthWorld } from './world.ts';

/** Within the time for which services have to be well, each port is asked again once. */
const FIRST_MS = 15_000;
const LONGEST_MS = 120_000;

interface Answer {
  readonly atUpMs: number;
  readonly holdsMs: number;
}

/** As `connect`, for as long as a trial goes on; a port that does not answer is asked each time. */
export function rememberAnswers({
  connect,
  uptimeMs,
}: Pick<HealthWorld, 'connect' | 'uptimeMs'>): HealthWorld['connect'] {
  const answers = new Map<string, Answer>();
  return async (host, port) => {
    const key = `${host} ${port}`;
    const last = answers.get(key);
    if (last !== undefined && uptimeMs() - last.atUpMs < last.holdsMs) return undefined;
    const problem = await connect(host, port);
    if (problem === undefined)
      answers.set(key, {
        atUpMs: uptimeMs(),
        holdsMs: last === undefined ? FIRST_MS : Math.min(last.holdsMs * 2, LONGEST_MS),
      });
    else answers.delete(key);
    return problem;
  };
}
