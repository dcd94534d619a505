/**
 * Working beside other khops: a person may sit before a question with the lock in hand, and a process may hang with it.
 * @module
 */
import { KhopError } from '../error.ts';
import type { SwitchWorld } from '../switch/world.ts';

/** Longer than a confirmation keeps the lock before it has written its decision. */
const BUSY_MS = 15_000;
const PAUSE_MS = 500;

type Locks = Pick<SwitchWorld, 'exclusively'>;
type Wait = (ms: number) => Promise<void>;

/**
 * Does `work` once, under the lock where that is free in time, and all the same where it is not: for a trial, which must not
 * depend on others. @throws what it throws
 */
export async function whenFree(world: Locks, wait: Wait, work: () => void): Promise<void> {
  const outcome = await tryWhileBusy(world, wait, BUSY_MS, async () => work());
  if (outcome.state === 'refused') work();
}

/**
 * Does `work` once, under the lock; without it only where nobody can have it, as in a /run that is full, or gone.
 * @throws E_BUSY when another has it for `withinMs`, and then nothing was done; what `work` throws
 */
export async function onceFree<T>(
  world: Locks,
  wait: Wait,
  withinMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const outcome = await tryWhileBusy(world, wait, withinMs, work);
  if (outcome.state === 'done') return outcome.value;
  if (isBusy(outcome.error)) throw outcome.error;
  return await work();
}

async function tryWhileBusy<T>(
  { exclusively }: Locks,
  wait: Wait,
  withinMs: number,
  work: () => Promise<T>,
): Promise<
  { readonly state: 'done'; readonly value: T } | { readonly state: 'refused'; readonly error: unknown }
> {
  for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
    let isBegun = false;
    try {
      const value = await exclusively(async () => {
        isBegun = true;
        return await work();
      });
      return { state: 'done', value };
    } catch (error) {
      if (isBegun) throw error;
      if (!isBusy(error) || waitedMs >= withinMs) return { state: 'refused', error };
    }
    await wait(PAUSE_MS);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof KhopError && error.code === 'E_BUSY';
}
