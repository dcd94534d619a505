/**
 * e820 entries as boot_params and setup_data carry them: {u64 addr, u64 size, u32 type}, 20 bytes packed.
 * Documentation/arch/x86/zero-page.rst, e820_table; UEFI specification, "E820" types.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { E820_TYPES, type MemoryMap, type MemoryMapEntry, type MemoryType } from './memory-map.ts';
import { rangeFromSize, rangeSize } from './range.ts';

/** Bytes of one entry. */
export const E820_ENTRY_SIZE = 20;

const TYPE_NAMES = new Map<number, MemoryType>(
  Object.entries(E820_TYPES).map(([name, number]) => [number, name as MemoryType]),
);

/** The entries, packed. */
export function encodeE820(map: MemoryMap): Uint8Array {
  const bytes = new Uint8Array(map.length * E820_ENTRY_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [index, entry] of map.entries()) {
    const at = index * E820_ENTRY_SIZE;
    view.setBigUint64(at, entry.start, true);
    view.setBigUint64(at + 8, rangeSize(entry), true);
    view.setUint32(at + 16, E820_TYPES[entry.type], true);
  }
  return bytes;
}

/** `count` entries from the start of `bytes`; types khop has no name for count as reserved. @throws E_FORMAT */
export function decodeE820(bytes: Uint8Array, count: number): MemoryMapEntry[] {
  const reader = new ByteReader(bytes, 'e820');
  return Array.from({ length: count }, (_none, index) => {
    const at = index * E820_ENTRY_SIZE;
    const range = rangeFromSize(reader.u64(at, 'addr'), reader.u64(at + 8, 'size'));
    return { ...range, type: TYPE_NAMES.get(reader.u32(at + 16, 'type')) ?? 'reserved' };
  });
}
