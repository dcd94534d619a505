/**
 * A known-good kernel, kept in the panic kernel's reservation, and the stub that starts it from there. It is an
 * ordinary plan for this machine with all its memory, made while the machine is well, whose parts wait until
 * the kernel that owns their places has died.
 *
 * The region, from its start: the stub's place, then the parts. The panic kernel is told of none of it. Of the room for a
 * report only the node's header is kept: the report itself comes with the stub, in the panic kernel's own kexec_load, and
 * lies where it is read when the stub begins.
 * @module
 */
import { type Range, rangeFromSize } from '../../formats/range.ts';
import type { WayHome } from '../arch/architecture.ts';
import { copyOf, keptParts, keptSize, layOutParts } from '../kept-parts.ts';
import type { SegmentsLoadPlan } from '../load-plan.ts';
import { PAGE_SIZE } from './memory-map.ts';
import { returnStub, returnStubSize } from './return-stub.ts';

const PAGE = BigInt(PAGE_SIZE);
/** A region of less than a GiB touches two of them at most: two page directories and two tables above them. */
const REGION_TABLES = 4n * PAGE;

/** Bytes that `planWayHome` takes of the reservation. */
export function wayHomeSize(plan: SegmentsLoadPlan, isFiveLevel: boolean): bigint {
  return stubRoom(plan, isFiveLevel) + keptSize(keptParts(plan), PAGE);
}

/**
 * @param plan for the normal slot; its segments must not touch the reservation
 * @param region inside the reservation, page aligned, of `wayHomeSize`, below a GiB
 */
export function planWayHome(
  plan: SegmentsLoadPlan,
  region: Range,
  isFiveLevel: boolean,
): Omit<WayHome, 'bootProcessor'> {
  const { copies, kept } = layOutParts(plan, region.start, stubRoom(plan, isFiveLevel), PAGE);
  return {
    region,
    kept,
    stub: {
      address: region.start,
      bytes: returnStub({ copies, entry: plan.entry, isFiveLevel }, region),
    },
    report: plan.report,
  };
}

/** The stub's size for any region; which GiB of memory the parts run in is known, where they are kept is not. */
function stubRoom(plan: SegmentsLoadPlan, isFiveLevel: boolean): bigint {
  const copies = keptParts(plan).map((part) => copyOf(part, part.address));
  const nowhere = rangeFromSize(plan.entry, 1n);
  return BigInt(returnStubSize({ copies, entry: plan.entry, isFiveLevel }, nowhere)) + REGION_TABLES;
}
