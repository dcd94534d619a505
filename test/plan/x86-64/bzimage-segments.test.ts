import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBootParams } from '../../../src/formats/boot-params.ts';
import type { PlannedSegment } from '../../../src/plan/load-plan.ts';
import type { LoadRequest } from '../../../src/plan/load-request.ts';
import { planToJson } from '../../../src/plan/plan-json.ts';
import { planLoad } from '../../../src/plan/plan-load.ts';
import { buildBzImage } from '../../support/bzimage-builder.ts';
import { inputs } from '../../support/inputs.ts';
import { healthyMachine } from '../../support/machine-facts.ts';
import { healthyInput } from '../../support/preflight-input.ts';

function request(over: Partial<LoadRequest> = {}): LoadRequest {
  const target = healthyInput().target;
  assert.ok(target !== undefined);
  return {
    kernel: target.kernel,
    image: { name: '/boot/vmlinuz', path: '/boot/vmlinuz', bytes: buildBzImage() },
    initrds: [{ name: '/boot/initrd', path: '/boot/initrd', bytes: new Uint8Array(5000).fill(1) }],
    deviceTree: undefined,
    machine: healthyMachine(),
    commandLine: 'root=/dev/vda1 quiet',
    method: 'segments',
    slot: 'normal',
    entropy: new Uint8Array(256).fill(0xa5),
    ...over,
  };
}

test('boot_params point at the initrd, the command line and the memory map of the plan', () => {
  const plan = planLoad(request());
  assert.equal(plan.method, 'segments');
  const segment = (name: string) => plan.segments.find((each) => each.name === name)!;
  const handover = segment('boot-params');
  const params = decodeBootParams(handover.bytes.subarray(0, 4096));
  assert.equal(params.initrdAddress, segment('initrd').address);
  assert.equal(params.initrdSize, 5000n);
  assert.equal(params.setupData, segment('setup-data').address);
  assert.deepEqual(params.e820, plan.memoryMap.slice(0, 128));
  const at = Number(params.commandLineAddress - handover.address);
  const text = Buffer.from(handover.bytes.subarray(at)).toString('latin1');
  assert.equal(text, 'root=/dev/vda1 quiet\0');
});

test('the entry is the stub, and the kernel lies aligned above 1 MiB', () => {
  const plan = planLoad(request());
  assert.equal(plan.method, 'segments');
  const stub = plan.segments.find((each) => each.name === 'stub')!;
  const kernel = plan.segments.find((each) => each.name === 'kernel')!;
  assert.equal(plan.entry, stub.address);
  assert.equal(kernel.address % 0x20_0000n, 0n);
  assert.ok(kernel.address >= 0x10_0000n);
});

test('segments never overlap and stay page aligned, whatever the sizes', () => {
  fc.assert(
    fc.property(fc.nat(3_000_000), fc.nat(1500), (initrdSize, lineLength) => {
      const plan = planLoad(
        request({
          initrds: [{ name: 'i', path: undefined, bytes: new Uint8Array(initrdSize + 1) }],
          commandLine: 'x'.repeat(lineLength),
        }),
      );
      assert.equal(plan.method, 'segments');
      for (const [index, segment] of plan.segments.entries()) {
        assert.equal(segment.address % 4096n, 0n);
        const next: PlannedSegment | undefined = plan.segments[index + 1];
        if (next !== undefined) assert.ok(segment.address + BigInt(segment.memorySize) <= next.address);
      }
    }),
    inputs(30),
  );
});

test('the printed plan is stable and holds no seed', () => {
  const one = JSON.stringify(planToJson(planLoad(request())));
  const other = JSON.stringify(planToJson(planLoad(request({ entropy: new Uint8Array(256).fill(0x5a) }))));
  assert.equal(one, other);
});

test('a command line above what each call takes is refused with both numbers', () => {
  for (const method of ['file', 'segments'] as const)
    assert.throws(() => planLoad(request({ method, commandLine: 'x'.repeat(4000) })), /4001 bytes/);
});
