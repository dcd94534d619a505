/**
 * The memory of a kernel that crashed, whatever file it was saved in.
 * @module
 */
import type { ElfNote } from '../elf-notes.ts';
import type { Range } from '../range.ts';

/**
 * What a dump has of an address. The answers are kept apart because they mean different things: `excluded` memory
 * was left out on purpose (free, zero, cache, user), `lost` memory should be in the file and is not (truncated,
 * incomplete, damaged), `absent` addresses were no memory of the machine.
 */
export type MemoryRead = { readonly state: 'read'; readonly bytes: Uint8Array } | MemoryGap;

/** The first byte that could not be read, and why. */
export interface MemoryGap {
  readonly state: 'excluded' | 'lost' | 'absent';
  readonly address: bigint;
  readonly reason: string;
}

/** How the file says memory was saved. */
export type DumpFormat = 'ELF' | 'kdump-compressed';

/** A stretch of virtual memory of which the dump says where it is in physical memory. */
export interface DumpMapping {
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** An opened dump. Nothing is read but headers until `readPhysical` asks. */
export interface CrashedMemory {
  readonly format: DumpFormat;
  /** Whether the file was a stream of `makedumpfile -F`. */
  readonly isFlattened: boolean;
  /** e_machine of ELF; for kdump files by the name in their header. */
  readonly machine: number;
  /** Registers of CPUs, VMCOREINFO and what else the file has, in its order. */
  readonly notes: readonly ElfNote[];
  /** ASCII of VMCOREINFO; undefined when the file has none. */
  readonly vmcoreinfo: Uint8Array | undefined;
  readonly mappings: readonly DumpMapping[];
  /** Bits of makedumpfile's -d: 1 zero, 2 and 4 cache, 8 user, 16 free; undefined where the file does not say. */
  readonly dumpLevel: number | undefined;
  /** Epoch seconds of the header; undefined where the file does not say. */
  readonly savedAt: number | undefined;
  /** Why the file cannot hold all it should: empty for a complete dump. */
  readonly problems: readonly string[];
  /**
   * Physical memory of the machine as the dump knows it, ascending, joined.
   * @throws E_FORMAT when there are more ranges than a machine has
   */
  readonly memoryRanges: () => readonly Range[];
  /** Physical memory that the file holds, ascending: never more than the file has room for, whatever its headers say. */
  readonly savedRanges: () => Iterable<Range>;
  /** Bytes of memory that the file holds. */
  readonly savedBytes: () => bigint;
  /** @throws E_FORMAT never: damage is `lost` */
  readonly readPhysical: (address: bigint, length: number) => MemoryRead;
}
