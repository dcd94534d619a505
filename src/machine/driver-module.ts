/**
 * The module that a driver came with.
 * @module
 */
import { join } from 'node:path';
import { type Reading, valueOf } from './reading.ts';
import { readLinkName, readText } from './source.ts';

/**
 * Undefined when the driver is built in. The link `module` alone does not say so: drivers that are built in have one as
 * soon as they have parameters, e.g. pcieport. Only what was inserted has an `initstate`.
 * Documentation/ABI/stable/sysfs-module.
 * @param device its folder below /sys
 */
export function driverModule(root: string, device: string): string | undefined {
  const name = valueOf(readLinkName(root, `${device}/driver/module`));
  if (name === undefined) return undefined;
  const state: Reading<string> = readText(root, join('/sys/module', name, 'initstate'));
  return state.state === 'absent' ? undefined : name;
}
