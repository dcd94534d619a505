/**
 * What exactly will be given to the kernel. A LoadPlan is a value: it is printed by `khop plan`, compared in
 * tests and carried out by `machine/kexec.ts`, and nothing is decided after it.
 * @module
 */
import type { Architecture } from '../formats/architecture.ts';
import type { MemoryMap } from '../formats/memory-map.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { Range } from '../formats/range.ts';

/** Where an image is loaded: for a jump that is asked for, or for a panic. */
export type KexecSlot = 'normal' | 'crash';

/** kexec_file_load or kexec_load. */
export type LoadMethod = 'file' | 'segments';

/** One argument of kexec_load: `bytes` are copied to `address`, the rest of `memorySize` is zero. */
export interface PlannedSegment {
  /** `kernel`, `initrd`, `boot-params`, `command-line`, `setup-data`, `efi-map`, `device-tree`, `stub`, `elfcorehdr`. */
  readonly name: string;
  /** Physical, page aligned. */
  readonly address: bigint;
  /** Bytes, a multiple of the page size, not below `bytes.length`. */
  readonly memorySize: number;
  readonly bytes: Uint8Array;
  /** Where the bytes come from, for people. */
  readonly source: string;
}

/** What became of the wish to enter a kernel directly. */
export interface DirectEntry {
  readonly isUsed: boolean;
  /** Why not, one clause each; empty when it is. */
  readonly obstacles: readonly string[];
  /** The one obstacle is that there is no place for all of it: a smaller initramfs might fit. */
  readonly hasNoRoom?: boolean;
  /** Why its address is not random, one sentence. */
  readonly kaslrOff?: string;
}

interface PlanBase {
  readonly version: 1;
  readonly architecture: Architecture;
  readonly slot: KexecSlot;
  /** Why this method, one sentence. */
  readonly reason: string;
  readonly kernel: {
    readonly id: string;
    readonly title: string;
    readonly release: string | undefined;
    readonly image: string;
  };
  readonly commandLine: string;
  /** What the new kernel is told of memory. With kexec_file_load: what the kernel is expected to tell it. */
  readonly memoryMap: MemoryMap;
  /** Whether the kernel is entered without its decompressor; undefined when that was not asked for. */
  readonly directEntry?: DirectEntry | undefined;
  /** What is lost or changed by this way of loading, one sentence each; empty when nothing is. */
  readonly notes: readonly string[];
}

/** By kexec_file_load: the running kernel places the parts. */
export interface FileLoadPlan extends PlanBase {
  readonly method: 'file';
  readonly image: NamedBytes;
  /** All initrds as one, padded between as the kernel wants. */
  readonly initrd: NamedBytes | undefined;
  /** KEXEC_FILE_* flags; ones that an older kernel may not know are retried without, see `optionalFlags`. */
  readonly flags: number;
  readonly optionalFlags: number;
}

/** By kexec_load: khop has placed every segment. */
export interface SegmentsLoadPlan extends PlanBase {
  readonly method: 'segments';
  /** Sorted by address, at most 16, none overlapping. */
  readonly segments: readonly PlannedSegment[];
  /** Physical address of the first instruction, inside the segment `stub`. */
  readonly entry: bigint;
  /** KEXEC_* flags without the architecture bits. */
  readonly flags: number;
  readonly optionalFlags: number;
  /** Memory that has to be there for the new kernel, and nobody else's, without being copied. */
  readonly keptFree?: readonly KeptFree[] | undefined;
  /** Memory that no segment fills: whoever makes the jump may put a report there. */
  readonly report?: ReportRoom | undefined;
}

/** Memory that a segment grows into after the jump, such as .bss, or that is filled by others. */
export interface KeptFree {
  /** A segment's name, or what else it is for. */
  readonly owner: string;
  /** With the segment itself. */
  readonly range: Range;
}

/** A node of setup_data, the last of the list, whose data come later than the plan. */
export interface ReportRoom {
  /** Physical, page aligned, of its header. */
  readonly address: bigint;
  /** Bytes with the header, a multiple of the page size. */
  readonly size: number;
  /** The node's header: the new kernel reads it even when there is no report. */
  readonly header: Uint8Array;
}

export type LoadPlan = FileLoadPlan | SegmentsLoadPlan;

/** Bytes that have to be somewhere until the jump: content, without what is only cleared. */
export function contentBytes(plan: LoadPlan): bigint {
  if (plan.method === 'file') return BigInt(plan.image.bytes.length + (plan.initrd?.bytes.length ?? 0));
  return plan.segments.reduce((sum, { bytes }) => sum + BigInt(bytes.length), 0n);
}
