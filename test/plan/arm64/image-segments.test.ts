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
  u32Property,
  u64Property,
} from '../../../src/formats/device-tree.ts';
import { encodeFdt, parseFdt } from '../../../src/formats/fdt.ts';
import type { MachineFacts } from '../../../src/machine/facts.ts';
import type { SegmentsLoadPlan } from '../../../src/plan/load-plan.ts';
import type { LoadRequest } from '../../../src/plan/load-request.ts';
import { planToJson } from '../../../src/plan/plan-json.ts';
import { planLoad } from '../../../src/plan/plan-load.ts';
import { buildArm64Image } from '../../support/arm64-image-builder.ts';
import { assertSurvivesDamage } from '../../support/hostile-bytes.ts';
import { loadRequest, segmentOf, segmentPlan } from '../../support/load-requests.ts';
import { absent, healthyArm64Machine, read } from '../../support/machine-facts.ts';

const MIB = 1n << 20n;
const GIB = 1n << 30n;

/** A UEFI machine that was started with an initrd, a seed and a dump header of its own. */
const RUNNING_TREE = encodeFdt({
  reservations: [
    { address: 0x4800_0000n, size: 0x10_0000n },
    { address: 0x4900_0000n, size: 0x1000n },
  ],
  bootCpu: 0,
  root: {
    name: '',
    properties: [
      { name: '#address-cells', value: u32Property(2) },
      { name: '#size-cells', value: u32Property(2) },
    ],
    children: [
      {
        name: 'chosen',
        properties: [
          { name: 'linux,uefi-system-table', value: u64Property(0x13_7f5f_0018n) },
          { name: 'bootargs', value: stringProperty('old=1') },
          { name: 'linux,initrd-start', value: u64Property(0x4800_0000n) },
          { name: 'linux,initrd-end', value: u64Property(0x4810_0000n) },
          { name: 'linux,elfcorehdr', value: new Uint8Array(16) },
          { name: 'linux,usable-memory-range', value: new Uint8Array(16) },
          { name: 'linux,ima-kexec-buffer', value: new Uint8Array(16) },
          { name: 'linux,kho-fdt', value: new Uint8Array(16) },
          { name: 'kaslr-seed', value: u64Property(0x1111n) },
          { name: 'rng-seed', value: new Uint8Array(64).fill(0x11) },
          { name: 'stdout-path', value: stringProperty('/pl011@9000000') },
        ],
        children: [],
      },
    ],
  },
});

function machine(over: Partial<MachineFacts> = {}): MachineFacts {
  return healthyArm64Machine({
    deviceTree: read(RUNNING_TREE, '/sys/firmware/fdt'),
    memoryTotalBytes: read(2n * GIB),
    iomem: read([
      { name: 'pl011@9000000', start: 0x900_0000n, end: 0x900_1000n, children: [] },
      {
        name: 'System RAM',
        start: 0x4000_0000n,
        end: 0xc000_0000n,
        children: [
          { name: 'Kernel code', start: 0x4021_0000n, end: 0x4180_0000n, children: [] },
          { name: 'reserved', start: 0x4180_0000n, end: 0x41c0_0000n, children: [] },
          { name: 'Kernel data', start: 0x41c0_0000n, end: 0x4200_0000n, children: [] },
        ],
      },
    ]),
    ...over,
  });
}

function arm64Request(over: Partial<LoadRequest> = {}): Partial<LoadRequest> {
  return {
    machine: machine(),
    image: { name: '/boot/Image', path: '/boot/Image', bytes: buildArm64Image() },
    ...over,
  };
}

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
  const plan = segmentPlan(arm64Request({ machine: machine({ pageSize: read(65536) }) }));
  for (const { name, address, memorySize } of plan.segments) {
    assert.equal(address % 65536n, 0n, name);
    assert.equal(memorySize % 65536, 0, name);
  }
});

test('a panic kernel lies in its reservation and is told of it through /chosen', () => {
  const reservation = { start: 0x9000_0000n, end: 0xa000_0000n };
  const base = machine();
  assert.equal(base.iomem.state, 'read');
  const iomem = base.iomem.value.map((entry) =>
    entry.name === 'System RAM'
      ? { ...entry, children: [...entry.children, { name: 'Crash kernel', ...reservation, children: [] }] }
      : entry,
  );
  const plan = segmentPlan(arm64Request({ machine: machine({ iomem: read(iomem) }), slot: 'crash' }));
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
    () => segmentPlan(arm64Request({ machine: machine({ deviceTree: absent('/sys/firmware/fdt') }) })),
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
      machine: machine({ iomem: read(iomem), memoryTotalBytes: read(64n * GIB) }),
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
  fc.assert(property, { numRuns: 40 });
});

test('a damaged device tree gives a plan or a reason', () => {
  assertSurvivesDamage(
    (bytes) => segmentPlan(arm64Request({ deviceTree: { name: 'x', path: undefined, bytes } })),
    RUNNING_TREE,
    undefined,
    150,
  );
});
