/**
 * /proc/kcore: the memory of the running kernel, for root. Under lockdown=confidentiality it is not tried: the kernel
 * would say so in its log, each time.
 * @module
 */
import { KhopError } from '../error.ts';
import { type CoreRange, offsetInCore, parseKernelCore } from '../formats/kernel-core.ts';
import { readLockdown } from './kexec-state.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readDeviceBytes } from './source.ts';

const PATH = '/proc/kcore';
/** More headers than any machine has ranges of memory: 56 bytes each. */
const HEADER_BYTES = 256 * 1024;

/** What of the kernel's memory the file has. */
export function readCoreRanges(root: string): Reading<readonly CoreRange[]> {
  if (valueOf(readLockdown(root)) === 'confidentiality')
    return { state: 'unreadable', source: PATH, reason: 'lockdown=confidentiality hides it' };
  return mapReading(readDeviceBytes(root, PATH, 0, HEADER_BYTES), (bytes) => {
    try {
      return parseKernelCore(bytes);
    } catch (error) {
      if (error instanceof KhopError) return undefined;
      throw error;
    }
  });
}

/** All of the `length` bytes at a virtual address. */
export function readKernelMemory(
  root: string,
  ranges: readonly CoreRange[],
  address: bigint,
  length: number,
): Reading<Uint8Array> {
  const missing = (reason: string): Reading<Uint8Array> => ({ state: 'unreadable', source: PATH, reason });
  const offset = offsetInCore(ranges, address, length);
  if (offset === undefined) return missing(`it does not have ${length} bytes at 0x${address.toString(16)}`);
  const reading = readDeviceBytes(root, PATH, offset, length);
  return reading.state === 'read' && reading.value.length !== length
    ? missing(`it ends within ${length} bytes at 0x${address.toString(16)}`)
    : reading;
}
