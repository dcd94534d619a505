/**
 * What the planner asks of an architecture. One record of answers each; nothing else in `plan/` decides by
 * the architecture's name.
 * @module
 */
import type { MemoryMap } from '../../formats/memory-map.ts';
import type { NamedBytes } from '../../formats/named-bytes.ts';
import type { Range } from '../../formats/range.ts';
import type { UnpackedKernel } from '../../formats/unpacked-kernel.ts';
import type { MachineFacts } from '../../machine/facts.ts';
import type { KeptFree, KexecSlot, PlannedSegment, ReportRoom, SegmentsLoadPlan } from '../load-plan.ts';
import type { UnwrappedImage } from '../unwrap-image.ts';

/** What a segment plan is made from. */
export interface SegmentParts {
  readonly image: UnwrappedImage;
  readonly initrd: NamedBytes | undefined;
  readonly commandLine: string;
  readonly deviceTree: NamedBytes | undefined;
  readonly machine: MachineFacts;
  readonly slot: KexecSlot;
  /** See LoadRequest. */
  readonly kept?: readonly PlannedSegment[] | undefined;
  readonly reportRoom?: number | undefined;
  readonly isKernelHigh?: boolean | undefined;
  readonly entropy: Uint8Array;
}

/** Verified segments and what goes with them. */
export interface SegmentLayout {
  readonly segments: readonly PlannedSegment[];
  readonly entry: bigint;
  readonly memoryMap: MemoryMap;
  /** As the new kernel gets it: a panic kernel's has `elfcorehdr=` added on x86-64. */
  readonly commandLine: string;
  readonly notes: readonly string[];
  readonly optionalFlags: number;
  readonly keptFree?: readonly KeptFree[] | undefined;
  readonly report?: ReportRoom | undefined;
}

/** Of a kernel that is entered without its decompressor. */
export interface DirectLayout {
  readonly layout: SegmentLayout;
  /** Why its address is not random, one sentence; undefined when it is. */
  readonly kaslrOff?: string | undefined;
}

/** One architecture's answers. */
export interface ArchitecturePlanner {
  /** Why kexec_file_load cannot take this image, one clause each; empty when it can. */
  readonly fileObstacles: (image: UnwrappedImage) => readonly string[];
  /** Why khop cannot place this image's segments here, one clause each; empty when it can. */
  readonly segmentObstacles: (image: UnwrappedImage, machine: MachineFacts) => readonly string[];
  /** Bytes with the NUL that kexec_file_load takes as a command line. */
  readonly fileCommandLineLimit: (image: UnwrappedImage) => number;
  /** What the running kernel is expected to hand over by kexec_file_load; empty when that is not known. */
  readonly expectedMemoryMap: (machine: MachineFacts) => MemoryMap;
  /** @throws E_PLAN when a part does not fit, E_UNREADABLE when memory is not known, E_FORMAT for the image */
  readonly planSegments: (parts: SegmentParts) => SegmentLayout;
  /** Why this unpacked kernel cannot be entered without its decompressor, one clause each; empty when it can. */
  readonly directObstacles: (
    kernel: UnpackedKernel,
    machine: MachineFacts,
    commandLine: string,
  ) => readonly string[];
  /** As `planSegments`, for a kernel that was unpacked beforehand. */
  readonly planDirect: (kernel: UnpackedKernel, parts: SegmentParts) => DirectLayout;
  /** Keeps a plan in a panic kernel's reservation; undefined where khop cannot go home without the firmware. */
  readonly keepHome?: KeepHome | undefined;
}

/** See x86-64/way-home.ts and arm64/way-home.ts. */
export interface KeepHome {
  /** Bytes of the reservation. @throws E_UNREADABLE when something of the machine is not known that it needs */
  readonly size: (plan: SegmentsLoadPlan, machine: MachineFacts) => bigint;
  /** @throws E_UNREADABLE */
  readonly plan: (plan: SegmentsLoadPlan, region: Range, machine: MachineFacts) => WayHome;
}

/** A known-good kernel that waits in the reservation, and what starts it from there. */
export interface WayHome {
  /** Inside the reservation; to be left out of the panic kernel's memory. */
  readonly region: Range;
  /** The content of `region`, one behind the other, the stub's place empty. */
  readonly kept: readonly PlannedSegment[];
  /** To be given to kexec_load by the panic kernel: one segment, entered at its start. */
  readonly stub: { readonly address: bigint; readonly bytes: Uint8Array };
  /** Where the panic kernel may put a report in the same kexec_load; undefined when the plan has no room for one. */
  readonly report: ReportRoom | undefined;
  /** Initial APIC id of the processor that the stub has to run on; undefined: any. */
  readonly bootProcessor: number | undefined;
}
