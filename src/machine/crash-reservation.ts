/**
 * Memory that `crashkernel=` has reserved, given back to the running kernel: Documentation/ABI/testing/sysfs-kernel-kexec-kdump.
 * It can only become smaller.
 * @module
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../error.ts';

/** Since 6.19, and before. */
const FILES = ['sys/kernel/kexec/crash_size', 'sys/kernel/kexec_crash_size'];

/** Nothing where there is no reservation. @throws E_UNREADABLE when the kernel keeps it, e.g. while a panic kernel is loaded */
export function freeCrashReservation(root: string): void {
  const path = FILES.map((file) => join(root, file)).find((file) => existsSync(file));
  if (path === undefined) return;
  try {
    writeFileSync(path, '0\n');
  } catch (cause) {
    throw new KhopError('E_UNREADABLE', `${path} cannot be set to 0: ${(cause as Error).message}`, {
      hint: 'The memory is free after the next start.',
      cause,
    });
  }
}
