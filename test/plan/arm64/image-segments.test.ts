import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  findNode,
  propertyInteger,
  propertyText,
  propertyValue,
  rangesOfReg,
  stringProperty,
} from '../../../src/formats/device-tree.ts';
import { encodeFdt, parseFdt } from '../../../src/formats/fdt.ts';
import type { SegmentsLoadPlan } from '../../../src/plan/load-plan.ts';
import { planToJson } from '../../../src/plan/plan-json.ts';
import { planLoad } from '../../../src/plan/plan-load.ts';
import { buildArm64Image } from '../../support/arm64-image-builder.ts';
import {
  ARM64_CRASH_RANGE,
  arm64MachineWithReservation,
  arm64Request,
  RUNNING_TREE,
  runningArm64Machine,
} from '../../support/arm64-requests.ts';
import { assertSurvivesDamage } from '../../support/hostile-bytes.ts';
import { inputs } from '../../support/inputs.ts';
import { loadRequest, segmentOf, segmentPlan } from '../../support/load-requests.ts';
import { absent, read } from '../../support/machine-facts.ts';

const MIB = 1n << 20n;
const GIB = 1n << 30n;

function chosenOf(plan: SegmentsLoadPlan) {
  const chosen = findNode(parseFdt(segmentOf(plan, 'device-tree').bytes).root, '/chosen');
  assert.ok(chosen !== undefined);
  return chosen;
}

test('kernel, initrd, device tree and stub find each other', () => {
  const plan = segmentPlan(arm64Request());
  const kernel = segmentOf(plan, 'kernel');
  const initrd = segmentOf(plan, 'initrd');
  const tree = segmentOf(plan, 'device-tree');
  const stub = segmentOf(plan, 'stub');
  assert.equal(kernel.address % (2n * MIB), 0n);
  assert.equal(kernel.memorySize, 8 << 20);
  for (const { name, address, memorySize } of plan.segments)
    assert.ok(address >= 0x41c0_0000n || address + BigInt(memorySize) <= 0x4180_0000n, `${name} on reserved`);
  assert.equal(tree.address % (2n * MIB), 0n);

  const chosen = chosenOf(plan);
  assert.equal(propertyInteger(chosen, 'linux,initrd-start'), initrd.address);
  assert.equal(propertyInteger(chosen, 'linux,initrd-end'), initrd.address + 5000n);
  assert.equal(propertyText(chosen, 'bootargs'), 'root=/dev/vda1 quiet');

  assert.equal(plan.entry, stub.address);
  const view = new DataView(stub.bytes.buffer, stub.bytes.byteOffset);
  assert.equal(view.getBigUint64(0x18, true), kernel.address);
  assert.equal(view.getBigUint64(0x20, true), tree.address);
});

test('an old kernel with a text_offset lies that far above 2 MiB, and is entered there', () => {
  const image = { name: 'Image', path: undefined, bytes: buildArm64Image({ textOffset: 0x8_0000n }) };
  const plan = segmentPlan(arm64Request({ image }));
  const kernel = segmentOf(plan, 'kernel');
  assert.equal(kernel.address % (2n * MIB), 0n);
  assert.deepEqual(kernel.bytes.subarray(0x8_0000), image.bytes);
  assert.equal(kernel.memorySize, (8 << 20) + 0x8_0000);
  const stub = segmentOf(plan, 'stub').bytes;
  assert.equal(new DataView(stub.buffer).getBigUint64(0x18, true), kernel.address + 0x8_0000n);
});

test('/chosen keeps what belongs to the machine and drops what belonged to the boot before', () => {
  const chosen = chosenOf(segmentPlan(arm64Request()));
  assert.equal(propertyInteger(chosen, 'linux,uefi-system-table'), 0x13_7f5f_0018n);
  assert.equal(propertyText(chosen, 'stdout-path'), '/pl011@9000000');
  for (const gone of [
    'linux,elfcorehdr',
    'linux,usable-memory-range',
    'linux,ima-kexec-buffer',
    'linux,kho-fdt',
  ])
    assert.equal(propertyValue(chosen, gone), undefined, gone);
  assert.equal(propertyValue(chosen, 'linux,booted-from-kexec')?.length, 0);
});

test('seeds are new, of their sizes, different from each other, and never printed', () => {
  const plan = segmentPlan(arm64Request());
  const chosen = chosenOf(plan);
  const kaslr = propertyValue(chosen, 'kaslr-seed');
  const rng = propertyValue(chosen, 'rng-seed');
  assert.deepEqual([kaslr?.length, rng?.length], [8, 128]);
  assert.notEqual(Buffer.from(rng ?? []).indexOf(Buffer.from(kaslr ?? [])), 0);
  const other = segmentPlan(arm64Request({ entropy: new Uint8Array(256).fill(0x5a) }));
  assert.notDeepEqual(propertyValue(chosenOf(other), 'kaslr-seed'), kaslr);
  assert.equal(JSON.stringify(planToJson(plan)), JSON.stringify(planToJson(other)));
});

test('the old initrd’s reservation goes, the new one’s comes, and others stay', () => {
  const plan = segmentPlan(arm64Request());
  const { reservations } = parseFdt(segmentOf(plan, 'device-tree').bytes);
  assert.deepEqual(reservations, [
    { address: 0x4900_0000n, size: 0x1000n },
    { address: segmentOf(plan, 'initrd').address, size: 5000n },
  ]);
});

test('without an initrd /chosen names none', () => {
  const chosen = chosenOf(segmentPlan(arm64Request({ initrds: [] })));
  assert.equal(propertyValue(chosen, 'linux,initrd-start'), undefined);
});

test('a device tree of one’s own replaces the machine’s, and takes kexec_load', () => {
  const own = encodeFdt({
    reservations: [],
    bootCpu: 0,
    root: { name: '', properties: [{ name: 'model', value: stringProperty('mine') }], children: [] },
  });
  const over = arm64Request({
    deviceTree: { name: 'mine.dtb', path: 'mine.dtb', bytes: own },
    method: 'auto',
  });
  const plan = segmentPlan(over);
  assert.match(plan.reason, /device tree of one’s own|has no kexec_file_load/);
  const tree = parseFdt(segmentOf(plan, 'device-tree').bytes);
  assert.equal(propertyText(tree.root, 'model'), 'mine');
  assert.equal(propertyText(chosenOf(plan), 'bootargs'), 'root=/dev/vda1 quiet');
});

test('segments are aligned to the running kernel’s pages of 64 KiB', () => {
  const plan = segmentPlan(arm64Request({ machine: runningArm64Machine({ pageSize: read(65536) }) }));
  for (const { name, address, memorySize } of plan.segments) {
    assert.equal(address % 65536n, 0n, name);
    assert.equal(memorySize % 65536, 0, name);
  }
});

test('a panic kernel lies in its reservation and is told of it through /chosen', () => {
  const plan = segmentPlan(arm64Request({ machine: arm64MachineWithReservation(), slot: 'crash' }));
  const reservation = ARM64_CRASH_RANGE;
  for (const { name, address, memorySize } of plan.segments)
    assert.ok(address >= reservation.start && address + BigInt(memorySize) <= reservation.end, name);
  const chosen = chosenOf(plan);
  const cells = { address: 2, size: 2 };
  const header = segmentOf(plan, 'elfcorehdr');
  assert.deepEqual(rangesOfReg(propertyValue(chosen, 'linux,elfcorehdr') ?? new Uint8Array(1), cells), [
    { start: header.address, end: header.address + BigInt(header.memorySize) },
  ]);
  assert.deepEqual(
    rangesOfReg(propertyValue(chosen, 'linux,usable-memory-range') ?? new Uint8Array(1), cells),
    [reservation],
  );
  assert.equal(plan.commandLine, 'root=/dev/vda1 quiet', 'elfcorehdr= is for x86-64');
});

test('a big-endian image, an x86 image and an ELF file are refused by name', () => {
  const refused: [Uint8Array, RegExp][] = [
    [buildArm64Image({ flags: 1n }), /big-endian/],
    [loadRequest().image.bytes, /image is for x86-64/],
  ];
  for (const [bytes, message] of refused)
    assert.throws(() => segmentPlan(arm64Request({ image: { name: 'x', path: undefined, bytes } })), {
      code: 'E_PLAN',
      message,
    });
});

test('without a device tree, or with one that is none, the plan says so', () => {
  assert.throws(
    () =>
      segmentPlan(
        arm64Request({ machine: runningArm64Machine({ deviceTree: absent('/sys/firmware/fdt') }) }),
      ),
    {
      code: 'E_UNREADABLE',
      message: /\/sys\/firmware\/fdt is needed/,
    },
  );
  const broken = { name: 'x.dtb', path: undefined, bytes: new Uint8Array(100) };
  assert.throws(() => segmentPlan(arm64Request({ deviceTree: broken })), { code: 'E_FORMAT' });
});

test('initrd, device tree and stub stay in the kernel’s window of 32 GiB', () => {
  const property = fc.property(fc.nat(60), fc.integer({ min: 1, max: 40 }), (gap, sizeMib) => {
    const first = { start: GIB, end: GIB + 32n * MIB };
    const second = { start: 2n * GIB + BigInt(gap) * GIB, end: 70n * GIB };
    const iomem = [first, second].map((range) => ({ name: 'System RAM', ...range, children: [] }));
    const bytes = new Uint8Array(sizeMib << 20);
    const request = arm64Request({
      machine: runningArm64Machine({ iomem: read(iomem), memoryTotalBytes: read(64n * GIB) }),
      initrds: [{ name: 'initrd', path: undefined, bytes }],
    });
    try {
      const plan = planLoad(loadRequest(request));
      assert.equal(plan.method, 'segments');
      const window = (segmentOf(plan, 'kernel').address / GIB) * GIB + 32n * GIB;
      for (const { name, address, memorySize } of plan.segments)
        assert.ok(address + BigInt(memorySize) <= window, name);
    } catch (error) {
      assert.match(String(error), /no place for (initrd|device-tree|stub): /);
      assert.ok(gap >= 30 && sizeMib > 20, 'there was room in the window');
    }
  });
  fc.assert(property, inputs(40));
});

test('a damaged device tree gives a plan or a reason', () => {
  assertSurvivesDamage(
    (bytes) => segmentPlan(arm64Request({ deviceTree: { name: 'x', path: undefined, bytes } })),
    RUNNING_TREE,
    undefined,
    150,
  );
});
