/**
 * Requests for plans with a kernel that was unpacked beforehand.
 * @module
 */
import assert from 'node:assert/strict';
import type { LoadPlan, SegmentsLoadPlan } from '../../src/plan/load-plan.ts';
import type { LoadRequest } from '../../src/plan/load-request.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import { loadRequest } from './load-requests.ts';
import { seededBytes } from './seeded-bytes.ts';
import { buildKernelImage, buildUnpackedKernel } from './unpacked-kernel-builder.ts';

/** An image on disk and the same image unpacked, on a healthy machine, by whatever method works. */
export function directRequest(over: Partial<LoadRequest> = {}): LoadRequest {
  return loadRequest({
    method: 'auto',
    image: { name: '/boot/vmlinuz', path: '/boot/vmlinuz', bytes: buildKernelImage() },
    unpacked: buildUnpackedKernel(),
    entropy: seededBytes('direct', 256),
    ...over,
  });
}

/** The plan of such a request, which must enter the kernel directly. */
export function directPlan(over: Partial<LoadRequest> = {}): SegmentsLoadPlan {
  const plan = planLoad(directRequest(over));
  assert.deepEqual([plan.directEntry?.isUsed, plan.directEntry?.obstacles], [true, []]);
  assert.equal(plan.method, 'segments');
  return plan;
}

/** The plan of such a request, which must not; and why. */
export function fallenBack(over: Partial<LoadRequest>): { readonly plan: LoadPlan; readonly why: string } {
  const plan = planLoad(directRequest(over));
  assert.equal(plan.directEntry?.isUsed, false);
  assert.ok(plan.directEntry.obstacles.length > 0, 'no reason is given');
  return { plan, why: plan.directEntry.obstacles.join('; ') };
}
