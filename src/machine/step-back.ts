/**
 * Letting others have the processor: nice(2) of this process, and of the group that the scheduler has put it in. Since each
 * service of systemd is a session, and so a group of its own (CONFIG_SCHED_AUTOGROUP), the former alone changes nothing between
 * services: sched(7), "The autogroup feature".
 * @module
 */
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';

/**
 * For what may wait, and is not to wait for ever: a tenth of what others get that want to run (sched_prio_to_weight). Never
 * throws: it is a courtesy.
 */
export function stepBack(root = '/'): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    writeFileSync(join(root, 'proc/self/autogroup'), String(constants.priority.PRIORITY_BELOW_NORMAL));
  } catch {
    // A kernel without groups, or a sandbox that hides them.
  }
}
