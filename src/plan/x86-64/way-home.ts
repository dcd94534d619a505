/**
 * A known-good kernel, kept in the panic kernel's reservation, and the stub that starts it from there. It is an
 * ordinary plan for this machine with all its memory, made while the machine is well, whose parts wait until
 * the kernel that owns their places has died.
 *
 * The region, from its start: the stub's place, then the parts, each on a page of its own. The panic kernel is
 * told of none of it. Of the room for a report only the node's header is kept: the report itself comes with the
 * stub, in the panic kernel's own kexec_load, and lies where it is read when the stub begins.
 * @module
 */
import { alignUp, type Range, rangeFromSize, rangeSize } from '../../formats/range.ts';
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
  const bytes = new Uint8Array(Number(rangeSize(region)));
  let offset = stubRoom(plan, isFiveLevel);
  const copies = keptParts(plan).map((segment) => {
    bytes.set(segment.bytes, Number(offset));
    const copy = copyOf(segment, region.start + offset);
    offset += pages(segment.bytes.length);
    return copy;
  });
  return {
    region,
    kept: {
      name: 'home',
      address: region.start,
      memorySize: bytes.length,
      bytes,
      source: `${plan.kernel.image} and what goes with it, to go home with`,
    },
    stub: {
      address: region.start,
      bytes: returnStub({ copies, entry: plan.entry, isFiveLevel }, region),
    },
    report: plan.report,
  };
}

/** What is copied: all of a segment, and no byte of the report behind its header. */
type KeptPart = Pick<PlannedSegment, 'address' | 'bytes' | 'memorySize'>;

function keptParts({ segments, report }: SegmentsLoadPlan): readonly KeptPart[] {
  if (report === undefined) return segments;
  const { address, header } = report;
  return [...segments, { address, bytes: header, memorySize: header.length }];
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
