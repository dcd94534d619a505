/**
 * The physical memory map: what the firmware says about ranges of addresses.
 * Types and numbers: UEFI specification "E820", linux arch/x86/include/asm/e820/types.h.
 * @module
 */
import type { Range } from './range.ts';

/** e820 type numbers by khop's names for them. */
export const E820_TYPES = {
  ram: 1,
  reserved: 2,
  acpi: 3,
  nvs: 4,
  unusable: 5,
  pmem: 7,
  pram: 12,
  softReserved: 0xefffffff,
} as const;

export type MemoryType = keyof typeof E820_TYPES;

/** One entry of the map. */
export interface MemoryMapEntry extends Range {
  readonly type: MemoryType;
}

/** Sorted by start; entries do not overlap. */
export type MemoryMap = readonly MemoryMapEntry[];
