/**
 * Requests for plans: an ordinary kernel on a healthy machine, and small changes to it.
 * @module
 */
import assert from 'node:assert/strict';
import type { MachineFacts } from '../../src/machine/facts.ts';
import type { SegmentsLoadPlan } from '../../src/plan/load-plan.ts';
import type { LoadRequest } from '../../src/plan/load-request.ts';
import { planLoad } from '../../src/plan/plan-load.ts';
import { buildBzImage } from './bzimage-builder.ts';
import { healthyMachine, read } from './machine-facts.ts';
import { healthyKernel } from './preflight-input.ts';

/** A bzImage with an initrd of 5000 bytes, by segments. */
export function loadRequest(over: Partial<LoadRequest> = {}): LoadRequest {
  return {
    kernel: healthyKernel(),
    image: { name: '/boot/vmlinuz', path: '/boot/vmlinuz', bytes: buildBzImage() },
    initrds: [{ name: '/boot/initrd', path: '/boot/initrd', bytes: new Uint8Array(5000).fill(1) }],
    deviceTree: undefined,
    machine: healthyMachine(),
    commandLine: 'root=/dev/vda1 quiet',
    method: 'segments',
    slot: 'normal',
    entropy: Uint8Array.from({ length: 256 }, (_none, index) => index),
    ...over,
  };
}

/** The plan of such a request, which must come out as segments. */
export function segmentPlan(over: Partial<LoadRequest> = {}): SegmentsLoadPlan {
  const plan = planLoad(loadRequest(over));
  assert.equal(plan.method, 'segments');
  return plan;
}

/** The bytes of a plan's segment. */
export function segmentOf(plan: SegmentsLoadPlan, name: string) {
  const segment = plan.segments.find((each) => each.name === name);
  assert.ok(segment !== undefined, `the plan has no segment ${name}`);
  return segment;
}

/** Where `crashkernel=192M` has reserved memory on the healthy machine, and what is told of the rest. */
export const CRASH_RANGE = { start: 0x6000_0000n, end: 0x6c00_0000n } as const;

/** A healthy machine with such a reservation. */
export function machineWithReservation(over: Partial<MachineFacts> = {}): MachineFacts {
  return healthyMachine({
    iomem: read([
      { name: 'System RAM', start: 0x1000n, end: 0x9_fc00n, children: [] },
      { name: 'Reserved', start: 0x9_fc00n, end: 0x10_0000n, children: [] },
      {
        name: 'System RAM',
        start: 0x10_0000n,
        end: 0x7ffd_c000n,
        children: [
          { name: 'Kernel code', start: 0x2e20_0000n, end: 0x2f20_0000n, children: [] },
          { name: 'Crash kernel', ...CRASH_RANGE, children: [] },
        ],
      },
      { name: 'ACPI Tables', start: 0x7ffd_c000n, end: 0x8000_0000n, children: [] },
    ]),
    firmwareMap: read([
      { type: 'ram', start: 0n, end: 0x9_fc00n },
      { type: 'reserved', start: 0x9_fc00n, end: 0x10_0000n },
      { type: 'ram', start: 0x10_0000n, end: 0x7ffd_c000n },
      { type: 'acpi', start: 0x7ffd_c000n, end: 0x8000_0000n },
    ]),
    ...over,
  });
}
