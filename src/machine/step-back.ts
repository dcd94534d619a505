/**
 * Letting others have the processor: nice(2) of this process, and of the group that the scheduler has put it in. Since each
 * service of systemd is a session, and so a group of its own (CONFIG_SCHED_AUTOGROUP), the former alone changes nothing between
 * services: sched(7), "The autogroup feature".
 * @module
 */
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';

/** What may wait until nobody else wants to run. Never throws: it is a courtesy. */
export function stepBack(root = '/'): void {
  try {
    setPriority(constants.priority.PRIORITY_LOW);
    writeFileSync(join(root, 'proc/self/autogroup'), String(constants.priority.PRIORITY_LOW));
  } catch {
    // A kernel without groups, or a sandbox that hides them.
  }
}
