/**
 * The parts of a plan that waits in a panic kernel's reservation: each on pages of its own, the small ones first. They are
 * loaded as several segments, so that a large part is taken from where it is.
 * @module
 */
import { alignUp } from '../formats/range.ts';
import type { PlannedSegment, SegmentsLoadPlan } from './load-plan.ts';

/** Bytes from which on a part is a segment of its own: kernel and initramfs, as there are 16 segments at most. */
const LARGE = 2 ** 20;

/** One part to be copied to where it runs. */
export interface ReturnCopy {
  /** Physical, where the part is kept. */
  readonly source: bigint;
  /** Physical, where it runs. */
  readonly destination: bigint;
  /** Bytes, a multiple of 8. */
  readonly size: number;
  /** Bytes behind them to be cleared, a multiple of 8. */
  readonly cleared: number;
}

/** What is copied: all of a segment, and no byte of the report behind its header. */
export type KeptPart = Pick<PlannedSegment, 'name' | 'address' | 'bytes' | 'memorySize'>;

/** Parts that have a place. */
export interface KeptLayout {
  /** In the order in which they lie. */
  readonly copies: readonly ReturnCopy[];
  /** What is loaded, without a gap from the layout's start on. */
  readonly kept: readonly PlannedSegment[];
}

/** Of the report that comes home in memory only the node's header is one: the rest comes with the stub. */
export function keptParts({ segments, report }: SegmentsLoadPlan): readonly KeptPart[] {
  if (report === undefined) return segments;
  const { address, header } = report;
  return [...segments, { name: 'report', address, bytes: header, memorySize: header.length }];
}

/** Bytes that they take. @param page alignment of each, bytes */
export function keptSize(parts: readonly KeptPart[], page: bigint): bigint {
  return parts.reduce((sum, { bytes }) => sum + pages(bytes.length, page), 0n);
}

/** For a part that is kept at `source`. */
export function copyOf({ address, bytes, memorySize }: KeptPart, source: bigint): ReturnCopy {
  const size = Number(alignUp(BigInt(bytes.length), 8n));
  return { source, destination: address, size, cleared: memorySize - size };
}

/**
 * @param start physical, page aligned
 * @param headRoom bytes that are left free there
 * @param page alignment of each part, bytes
 */
export function layOutParts(
  plan: SegmentsLoadPlan,
  start: bigint,
  headRoom: bigint,
  page: bigint,
): KeptLayout {
  const source = `${plan.kernel.image} and what goes with it, to go home with`;
  const parts = keptParts(plan);
  const [large, small] = [parts.filter(isLarge), parts.filter((part) => !isLarge(part))];
  let end = start + headRoom;
  const copies = [...small, ...large].map((part) => {
    const copy = copyOf(part, end);
    end += pages(part.bytes.length, page);
    return copy;
  });
  const head = new Uint8Array(Number((copies[small.length]?.source ?? end) - start));
  for (const [index, { bytes }] of small.entries()) head.set(bytes, Number(copies[index]!.source - start));
  const apart = large.map(({ name, bytes }, index) => ({
    name: `home-${name}`,
    address: copies[small.length + index]!.source,
    memorySize: Number(pages(bytes.length, page)),
    bytes,
    source,
  }));
  return {
    copies,
    kept: [{ name: 'home', address: start, memorySize: head.length, bytes: head, source }, ...apart],
  };
}

function isLarge({ bytes }: KeptPart): boolean {
  return bytes.length >= LARGE;
}

function pages(size: number, page: bigint): bigint {
  return alignUp(BigInt(size), page);
}
