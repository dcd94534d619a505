/**
 * Page tables of the processors, as a table of answers: a walk is the same everywhere.
 * Specification: Intel SDM volume 3, 4.5 "4-level paging and 5-level paging"; Arm ARM D8.3 "Translation table
 * descriptor formats".
 * @module
 */

/** How one kernel's tables are laid out. Entries are 8 bytes. */
export interface TableGeometry {
  /** Bits of the virtual address that each level takes, from the top table down. */
  readonly levels: readonly { readonly shift: number; readonly bits: number }[];
  /** Bits of an entry that are a physical address. */
  readonly addressMask: bigint;
  readonly isPresent: (entry: bigint) => boolean;
  /** Whether the entry maps memory itself; the last level always does. */
  readonly isLeaf: (entry: bigint) => boolean;
}

/** What a walk ends in. */
export type Walk =
  | { readonly state: 'mapped'; readonly physicalAddress: bigint }
  | { readonly state: 'unmapped' }
  /** The entry at this physical address could not be read. */
  | { readonly state: 'unknown'; readonly tableAddress: bigint };

/**
 * Follows the tables for `address`. The number of levels bounds it, whatever the entries say.
 * @param top physical address of the top table
 * @param readEntry 8 bytes at a physical address; undefined when the dump does not have them
 */
export function walkPageTables(
  geometry: TableGeometry,
  top: bigint,
  address: bigint,
  readEntry: (physicalAddress: bigint) => bigint | undefined,
): Walk {
  let table = top;
  for (const [depth, { shift, bits }] of geometry.levels.entries()) {
    const index = (address >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n);
    const at = table + index * 8n;
    const entry = readEntry(at);
    if (entry === undefined) return { state: 'unknown', tableAddress: at };
    if (!geometry.isPresent(entry)) return { state: 'unmapped' };
    const target = entry & geometry.addressMask;
    if (depth === geometry.levels.length - 1 || geometry.isLeaf(entry)) {
      const within = (1n << BigInt(shift)) - 1n;
      return { state: 'mapped', physicalAddress: (target & ~within) | (address & within) };
    }
    table = target;
  }
  return { state: 'unmapped' };
}

const PHYSICAL_BITS = (1n << 52n) - 1n;

/** x86-64. @param memoryEncryption NUMBER(sme_mask), the bit that says that a page is encrypted */
export function x86Tables(hasFiveLevels: boolean, memoryEncryption: bigint): TableGeometry {
  const shifts = hasFiveLevels ? [48, 39, 30, 21, 12] : [39, 30, 21, 12];
  return {
    levels: shifts.map((shift) => ({ shift, bits: 9 })),
    addressMask: PHYSICAL_BITS & ~0xfffn & ~memoryEncryption,
    isPresent: (entry) => (entry & 1n) !== 0n,
    isLeaf: (entry) => (entry & 0x80n) !== 0n,
  };
}

/**
 * arm64. A kernel for 52 bits runs with fewer on a processor that has no more. Its top table is then as large as it was
 * built for (PTRS_PER_PGD, arch/arm64/include/asm/pgtable-hwdef.h), unless it leaves a level out.
 * @param pageShift 12, 14 or 16
 * @param addressBits of virtual addresses, 36 to 52
 * @param builtForBits VA_BITS of the kernel, as many or more
 */
export function arm64Tables(
  pageShift: number,
  addressBits: number,
  builtForBits = addressBits,
): TableGeometry {
  const actual = arm64Levels(pageShift, addressBits);
  const built = arm64Levels(pageShift, builtForBits);
  return {
    levels: built.length === actual.length ? built : actual,
    addressMask: ((1n << 48n) - 1n) & ~((1n << BigInt(pageShift)) - 1n),
    isPresent: (entry) => (entry & 1n) !== 0n,
    // Bits 1:0: 01 a block, 11 a table, or a page on the last level.
    isLeaf: (entry) => (entry & 2n) === 0n,
  };
}

function arm64Levels(pageShift: number, addressBits: number): TableGeometry['levels'] {
  const perLevel = pageShift - 3;
  const levels: { shift: number; bits: number }[] = [];
  for (let shift = pageShift; shift < addressBits; shift += perLevel)
    levels.unshift({ shift, bits: Math.min(perLevel, addressBits - shift) });
  return levels;
}
