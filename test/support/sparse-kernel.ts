/**
 * A kernel of which only some regions of virtual memory are there, for readers of kernel structures.
 * @module
 */
import type { CrashedMemory } from '../../src/formats/vmcore/crashed-memory.ts';
import type { KernelMemory } from '../../src/formats/vmcore/kernel-memory.ts';

/** Bytes at a virtual address. */
export interface Region {
  readonly start: bigint;
  readonly bytes: Uint8Array;
}

/** @param info lines of VMCOREINFO by key */
export function sparseKernel(
  regions: readonly Region[],
  info: ReadonlyMap<string, string>,
  machine = 62,
): KernelMemory {
  return {
    dump: { machine, notes: [] } as unknown as CrashedMemory,
    vmcoreinfo: info,
    read: (address, length) => {
      const region = regions.find(
        ({ start, bytes }) => address >= start && address + BigInt(length) <= start + BigInt(bytes.length),
      );
      if (region === undefined) return { state: 'absent', address, reason: 'nothing is there' };
      const at = Number(address - region.start);
      return { state: 'read', bytes: Uint8Array.from(region.bytes.subarray(at, at + length)) };
    },
  };
}
