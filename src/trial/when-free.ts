/**
 * Writing to the ticket beside other khops, in a trial that must not depend on them: a person may sit before a question
 * with the lock in hand, and a process may hang with it.
 * @module
 */
import { KhopError } from '../error.ts';
import type { SwitchWorld } from '../switch/world.ts';

/** Longer than a confirmation keeps the lock before it has written its decision. */
const BUSY_MS = 15_000;
const PAUSE_MS = 500;

/** Does `work` once, under the lock where that is free in time, and all the same where it is not. @throws what it throws */
export async function whenFree(
  { exclusively }: Pick<SwitchWorld, 'exclusively'>,
  wait: (ms: number) => Promise<void>,
  work: () => void,
): Promise<void> {
  for (let waitedMs = 0; waitedMs < BUSY_MS; waitedMs += PAUSE_MS) {
    let isBegun = false;
    try {
      return await exclusively(async () => {
        isBegun = true;
        work();
      });
    } catch (error) {
      if (isBegun) throw error;
      // /run may be full, or gone.
      if (!(error instanceof KhopError) || error.code !== 'E_BUSY') break;
    }
    await wait(PAUSE_MS);
  }
  work();
}
