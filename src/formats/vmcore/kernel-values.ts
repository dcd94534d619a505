/**
 * Variables and structures of a crashed kernel that a reader cannot do without.
 * @module
 */
import { KhopError } from '../../error.ts';
import { ByteReader } from '../byte-reader.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** @throws E_FORMAT saying what is missing of `name`, and why */
export function readKernelBytes(
  memory: KernelMemory,
  address: bigint,
  length: number,
  name: string,
): Uint8Array {
  const read = memory.read(address, length);
  if (read.state === 'read') return read.bytes;
  throw new KhopError(
    'E_FORMAT',
    `${name} at 0x${address.toString(16)} is ${read.state}: ${read.reason} (0x${read.address.toString(16)})`,
    { hint: 'The dump is incomplete or damaged there; `khop vmcore info` says what it has.' },
  );
}

/** An address, or any number of 64 bits. @throws E_FORMAT */
export function readPointer(memory: KernelMemory, address: bigint, name: string): bigint {
  return new ByteReader(readKernelBytes(memory, address, 8, name), name).u64(0, name);
}

/** An int. @throws E_FORMAT */
export function readU32(memory: KernelMemory, address: bigint, name: string): number {
  return new ByteReader(readKernelBytes(memory, address, 4, name), name).u32(0, name);
}
