/**
 * A known-good kernel, kept in the panic kernel's reservation, and the stub that starts it from there. It is an
 * ordinary plan for this machine with all its memory, made while the machine is well, whose parts wait until
 * the kernel that owns their places has died.
 *
 * The region, from its start: the stub's place, then the parts, each on a page of its own, the small ones first. It is
 * loaded as several segments, so that a large part is taken from where it is. The panic kernel is told of none of it. Of the room for a report only the node's header is kept: the report itself comes with the
 * stub, in the panic kernel's own kexec_load, and lies where it is read when the stub begins.
 * @module
 */
import { alignUp, type Range, rangeFromSize } from '../../formats/range.ts';
import type { WayHome } from '../arch/architecture.ts';
import type { PlannedSegment, SegmentsLoadPlan } from '../load-plan.ts';
import { PAGE_SIZE } from './memory-map.ts';
import { type ReturnCopy, returnStub, returnStubSize } from './return-stub.ts';

const PAGE = BigInt(PAGE_SIZE);

/** A region of less than a GiB touches two of them at most: two page directories and two tables above them. */
const REGION_TABLES = 4n * PAGE;

/** Bytes that `planWayHome` takes of the reservation. */
export function wayHomeSize(plan: SegmentsLoadPlan, isFiveLevel: boolean): bigint {
  return keptParts(plan).reduce((sum, { bytes }) => sum + pages(bytes.length), stubRoom(plan, isFiveLevel));
}

/**
 * @param plan for the normal slot; its segments must not touch the reservation
 * @param region inside the reservation, page aligned, of `wayHomeSize`, below a GiB
 */
export function planWayHome(plan: SegmentsLoadPlan, region: Range, isFiveLevel: boolean): WayHome {
  const source = `${plan.kernel.image} and what goes with it, to go home with`;
  const parts = keptParts(plan);
  const [large, small] = [parts.filter(isLarge), parts.filter((part) => !isLarge(part))];
  let end = region.start + stubRoom(plan, isFiveLevel);
  const copies = [...small, ...large].map((part) => {
    const copy = copyOf(part, end);
    end += pages(part.bytes.length);
    return copy;
  });
  const head = new Uint8Array(Number((copies[small.length]?.source ?? region.end) - region.start));
  for (const [index, { bytes }] of small.entries())
    head.set(bytes, Number(copies[index]!.source - region.start));
  const apart = large.map(({ name, bytes }, index) => ({
    name: `home-${name}`,
    address: copies[small.length + index]!.source,
    memorySize: Number(pages(bytes.length)),
    bytes,
    source,
  }));
  return {
    region,
    kept: [{ name: 'home', address: region.start, memorySize: head.length, bytes: head, source }, ...apart],
    stub: {
      address: region.start,
      bytes: returnStub({ copies, entry: plan.entry, isFiveLevel }, region),
    },
    report: plan.report,
  };
}

/** What is copied: all of a segment, and no byte of the report behind its header. */
type KeptPart = Pick<PlannedSegment, 'name' | 'address' | 'bytes' | 'memorySize'>;

/** Bytes from which on a part is a segment of its own: kernel and initramfs, as there are 16 segments at most. */
const LARGE = 2 ** 20;

function isLarge({ bytes }: KeptPart): boolean {
  return bytes.length >= LARGE;
}

function keptParts({ segments, report }: SegmentsLoadPlan): readonly KeptPart[] {
  if (report === undefined) return segments;
  const { address, header } = report;
  return [...segments, { name: 'report', address, bytes: header, memorySize: header.length }];
}

function pages(size: number): bigint {
  return alignUp(BigInt(size), PAGE);
}

function copyOf({ address, bytes, memorySize }: KeptPart, source: bigint): ReturnCopy {
  const size = Number(alignUp(BigInt(bytes.length), 8n));
  return { source, destination: address, size, cleared: memorySize - size };
}

/** The stub's size for any region; which GiB of memory the parts run in is known, where they are kept is not. */
function stubRoom(plan: SegmentsLoadPlan, isFiveLevel: boolean): bigint {
  const copies = keptParts(plan).map((part) => copyOf(part, part.address));
  const nowhere = rangeFromSize(plan.entry, 1n);
  return BigInt(returnStubSize({ copies, entry: plan.entry, isFiveLevel }, nowhere)) + REGION_TABLES;
}
