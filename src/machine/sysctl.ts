/**
 * Settings of the running kernel, /proc/sys.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import type { Reading } from './reading.ts';
import { readText } from './source.ts';

/** A name as in sysctl.conf(5) without slashes: no part of it can lead out of /proc/sys. */
const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/i;

/** @param name e.g. `kernel.panic` */
export function readSysctl(root: string, name: string): Reading<string> {
  return readText(root, `/proc/sys/${name.replaceAll('.', '/')}`);
}

/** @param name e.g. `kernel.hung_task_panic` @throws E_USAGE for what is no name; the error of the file system */
export function writeSysctl(root: string, name: string, value: string): void {
  if (!NAME.test(name))
    throw new KhopError('E_USAGE', `${JSON.stringify(name)} is no name of a setting of the kernel`, {
      hint: 'Names are like kernel.panic; `sysctl -a` lists them.',
    });
  writeFileSync(join(root, 'proc/sys', ...name.split('.')), `${value}\n`);
}
