/**
 * Modules that crash, for a kernel of a machine that runs.
 * @module
 */
import { decompress, detectCompression } from '../../../src/formats/compression.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { type CrashCode, withCrashingInit } from '../guard/crash-module.ts';
import { COMMAND } from './fault.ts';

/** Small, needed by nothing; see guard/crash-module.ts. */
const DONOR = 'michael_mic';
const MODULE_LIMIT = 4 * 2 ** 20;

/** @param release of the kernel, as shell words: `$(uname -r)`, `6.12*` */
export async function readCrashModule(
  machine: VirtualMachine,
  release: string,
  code: CrashCode,
): Promise<Uint8Array> {
  return withCrashingInit(await readModule(machine, release, DONOR), code);
}

/** As it is before it was packed. @param name of its file, without `.ko` */
export async function readModule(
  machine: VirtualMachine,
  release: string,
  name: string,
): Promise<Uint8Array> {
  const { stdout } = await machine.run(`find /lib/modules/${release} -name '${name}.ko*'`, COMMAND);
  const path = stdout.trim();
  const { bytes } = await machine.copyOut(path);
  return detectCompression(bytes) === undefined
    ? bytes
    : decompress(bytes, { name: path, maxOutputBytes: MODULE_LIMIT });
}

/**
 * Shell words that insert it. A hang with interrupts off is made with one processor alone: another one would see that RCU
 * stalls, and panic, and then it is no case for hardware any more.
 */
export function insertWords(path: string, code: CrashCode): string {
  const alone = code === 'dead-hang' ? 'echo 0 >/sys/devices/system/cpu/cpu1/online && ' : '';
  return `${alone}insmod ${path}`;
}
