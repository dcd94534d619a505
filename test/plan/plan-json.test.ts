import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderLoadPlan } from '../../src/cli/render/load-plan.ts';
import type { SegmentsLoadPlan } from '../../src/plan/load-plan.ts';
import { planToJson } from '../../src/plan/plan-json.ts';
import { directPlan } from '../support/direct-requests.ts';
import { segmentOf } from '../support/load-requests.ts';
import { healthyMachine, read } from '../support/machine-facts.ts';
import { seededBytes } from '../support/seeded-bytes.ts';
import { buildUnpackedKernel, PLACES } from '../support/unpacked-kernel-builder.ts';

const KERNEL = buildUnpackedKernel();
const RAM = { start: 0x10_0000n, end: 0x120_0000n };

/** RAM with one physical place for the kernel, so that between two plans only the virtual one differs. */
const MACHINE = healthyMachine({
  iomem: read([{ name: 'System RAM', ...RAM, children: [] }]),
  firmwareMap: read([{ type: 'ram', ...RAM }]),
});

function planFor(seed: number): SegmentsLoadPlan {
  return directPlan({
    unpacked: KERNEL,
    machine: MACHINE,
    entropy: seededBytes(seed, 256),
    initrds: [],
  });
}

/** How far a plan's kernel was moved. */
function distanceIn(plan: SegmentsLoadPlan): bigint {
  const [at] = PLACES[0];
  const moved = Buffer.from(segmentOf(plan, 'kernel').bytes).readBigUInt64LE(at);
  return moved - Buffer.from(KERNEL.image).readBigUInt64LE(at);
}

test('neither JSON nor text of a plan tells how far the kernel was moved, not even by a digest', () => {
  const plans = [1, 2, 3, 4, 5, 6].map(planFor);
  assert.equal(new Set(plans.map(distanceIn)).size, 6);
  const context = { style: (_style: unknown, text: string) => text };
  assert.equal(new Set(plans.map((plan) => JSON.stringify(planToJson(plan)))).size, 1);
  assert.equal(new Set(plans.map((plan) => renderLoadPlan(plan, context))).size, 1);
});

test('the digests of what is no secret stay, so that plans can be compared', () => {
  const json = JSON.parse(JSON.stringify(planToJson(planFor(1))));
  const withDigest = json.segments.filter((each: { sha256: string | null }) => each.sha256 !== null);
  const names = withDigest.map((each: { name: string }) => each.name);
  assert.deepEqual(names.toSorted(), ['boot-params', 'stub']);
});
