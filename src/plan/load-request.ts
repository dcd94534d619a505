/**
 * What a plan is made from: a kernel, its bytes, the machine, and what the person asked for.
 * @module
 */
import type { NamedBytes, NamedPieces } from '../formats/named-bytes.ts';
import type { UnpackedKernel } from '../formats/unpacked-kernel.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import type { KexecSlot, LoadMethod, PlannedSegment } from './load-plan.ts';

/** Input of `planLoad`. */
export interface LoadRequest {
  readonly kernel: Kernel;
  /** The image as it lies on disk: may be compressed, a zboot PE or a UKI. */
  readonly image: NamedBytes;
  /** In unpacking order; a UKI's own initrd is put in front by the planner. */
  readonly initrds: readonly NamedBytes[];
  /** `initrds` is all there shall be: a UKI's own is part of it already. */
  readonly isInitrdWhole?: boolean | undefined;
  /** Archives that are unpacked last, whatever the initrds are; never taken for one of them. */
  readonly lastArchives?: readonly NamedPieces[] | undefined;
  /** Replaces the running machine's device tree (arm64), or is added as SETUP_DTB (x86-64). */
  readonly deviceTree: NamedBytes | undefined;
  readonly machine: MachineFacts;
  /** The whole command line as the person wants it; undefined: the UKI's own. */
  readonly commandLine: string | undefined;
  readonly method: LoadMethod | 'auto';
  /** The image's kernel, unpacked beforehand: entered directly where that is possible. */
  readonly unpacked?: UnpackedKernel | undefined;
  readonly slot: KexecSlot;
  /** Kept in the reservation beside the panic kernel, which is not told of this memory; see x86-64/way-home.ts. */
  readonly kept?: readonly PlannedSegment[] | undefined;
  /** A kernel that unpacks itself is to begin where it leaves low memory alone, see x86-64/bzimage-segments.ts. */
  readonly isKernelHigh?: boolean | undefined;
  /** Bytes to leave free for a report of the kernel before, see SegmentsLoadPlan. */
  readonly reportRoom?: number | undefined;
  /** At least 256 random bytes for RNG and KASLR seeds: never printed. */
  readonly entropy: Uint8Array;
}
