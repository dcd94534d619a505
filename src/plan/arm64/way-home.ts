/**
 * A known-good kernel, kept in the panic kernel's reservation, and the stub that starts it from there, for arm64. The parts
 * are the region. The stub lies right below it, in the panic kernel's own memory: it is copied there with the page tables
 * of that kernel, which know no other (arch/arm64/kernel/relocate_kernel.S, 5.16 and later).
 * @module
 */
import { alignDown, type Range } from '../../formats/range.ts';
import type { WayHome } from '../arch/architecture.ts';
import { keptParts, keptSize, layOutParts } from '../kept-parts.ts';
import type { SegmentsLoadPlan } from '../load-plan.ts';
import { ARM64_RETURN_STUB_SIZE, arm64ReturnStub } from './return-stub.ts';

const LARGEST_PAGE = BigInt(ARM64_RETURN_STUB_SIZE);

/** Bytes that `planArm64WayHome` takes of the reservation. */
export function arm64WayHomeSize(plan: SegmentsLoadPlan): bigint {
  return keptSize(keptParts(plan), LARGEST_PAGE);
}

/**
 * @param plan for the normal slot; its segments must not touch the reservation
 * @param region at the end of the reservation, of `arm64WayHomeSize`
 */
export function planArm64WayHome(plan: SegmentsLoadPlan, region: Range): WayHome {
  const start = alignDown(region.start, LARGEST_PAGE);
  const { copies, kept } = layOutParts(plan, start, 0n, LARGEST_PAGE);
  return {
    region: { start, end: region.end },
    kept,
    stub: {
      address: start - BigInt(ARM64_RETURN_STUB_SIZE),
      bytes: arm64ReturnStub(copies, plan.entry),
    },
    report: plan.report,
    // A kernel of arm64 starts on whichever processor it is entered.
    bootProcessor: undefined,
  };
}
