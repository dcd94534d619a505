/**
 * Kernel settings, /proc/sys.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import type { Reading } from './reading.ts';
import { readText } from './source.ts';

/** @param name with slashes, e.g. `kernel/panic` */
export function readSysctl(root: string, name: string): Reading<string> {
  return readText(root, `/proc/sys/${name}`);
}

/** @throws E_UNREADABLE */
export function writeSysctl(root: string, name: string, value: string): void {
  const path = join(root, 'proc/sys', name);
  try {
    writeFileSync(path, `${value}\n`);
  } catch (cause) {
    throw new KhopError('E_UNREADABLE', `${path} cannot be set to ${value}: ${(cause as Error).message}`, {
      hint: 'Run as root.',
      cause,
    });
  }
}
