/**
 * A panic on purpose. Documentation/admin-guide/sysrq.rst: a write to the trigger is not masked by kernel.sysrq.
 * @module
 */
import { writeFileSync } from 'node:fs';

const TRIGGER = '/proc/sysrq-trigger';

/** Returns only by throwing. @throws the error of the file system where there is no trigger */
export function crashKernel(): void {
  writeFileSync(TRIGGER, 'c');
}
