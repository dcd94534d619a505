import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rangeFromSize } from '../../../src/formats/range.ts';
import { decodeSetupData } from '../../../src/formats/setup-data.ts';
import type { PlannedSegment, SegmentsLoadPlan } from '../../../src/plan/load-plan.ts';
import { planLoad } from '../../../src/plan/plan-load.ts';
import { returnStub } from '../../../src/plan/x86-64/return-stub.ts';
import { planWayHome, wayHomeSize } from '../../../src/plan/x86-64/way-home.ts';
import { CRASH_RANGE, loadRequest, machineWithReservation, segmentOf } from '../../support/load-requests.ts';

const machine = machineWithReservation();

function homePlan(): SegmentsLoadPlan {
  const plan = planLoad(loadRequest({ machine }));
  assert.equal(plan.method, 'segments');
  return plan;
}

/** What is kept, as it lies in the reservation: the pieces without a gap between them. */
function keptBytes(kept: readonly PlannedSegment[]): Uint8Array {
  let end = kept[0]!.address;
  for (const { name, address, memorySize } of kept) {
    assert.equal(address, end, `${name} begins where the one before it ends`);
    end += BigInt(memorySize);
  }
  return Buffer.concat(
    kept.map(({ bytes, memorySize }) => Buffer.concat([bytes, Buffer.alloc(memorySize - bytes.length)])),
  );
}

/** The copies that a stub's table holds. */
function copiesOf(stub: Uint8Array) {
  const view = new DataView(stub.buffer, stub.byteOffset);
  const copies: { source: bigint; destination: bigint; copied: bigint; cleared: bigint }[] = [];
  for (let offset = 0x80; view.getBigUint64(offset + 8, true) !== 0n; offset += 32)
    copies.push({
      source: view.getBigUint64(offset, true),
      destination: view.getBigUint64(offset + 8, true),
      copied: 8n * view.getBigUint64(offset + 16, true),
      cleared: 8n * view.getBigUint64(offset + 24, true),
    });
  return copies;
}

test('the stub is, instruction by instruction, what its listing says', () => {
  const stub = returnStub(
    { copies: [], entry: 0x1234_5678_9abcn, isFiveLevel: false },
    rangeFromSize(0x6800_0000n, 0x10_0000n),
  );
  assert.equal(
    Buffer.from(stub.subarray(0, 0x43)).toString('hex'),
    [
      'fc', // cld
      '48b80010006800000000', // mov rax, 0x68001000: the tables behind the code
      '0f22d8', // mov cr3, rax
      '4c8d056b000000', // lea r8, [rip+0x6b]
      '498b7808', // mov rdi, [r8+8]
      '4885ff', // test rdi, rdi
      '7419', // jz 0x37
      '498b30', // mov rsi, [r8]
      '498b4810', // mov rcx, [r8+16]
      'f348a5', // rep movsq
      '31c0', // xor eax, eax
      '498b4818', // mov rcx, [r8+24]
      'f348ab', // rep stosq
      '4983c020', // add r8, 32
      'ebde', // jmp 0x15
      '48b8bc9a785634120000', // mov rax, 0x123456789abc
      'ffe0', // jmp rax
    ].join(''),
  );
});

test('following the copies puts every segment of the plan where it runs, with zeros behind it', () => {
  const plan = homePlan();
  const size = wayHomeSize(plan, false);
  const region = rangeFromSize(CRASH_RANGE.end - size, size);
  const { kept, stub } = planWayHome(plan, region, false);
  const bytes = keptBytes(kept);
  assert.equal(BigInt(bytes.length), size);
  assert.equal(kept[0]!.address, region.start);
  assert.equal(stub.address, region.start);
  const copies = copiesOf(stub.bytes);
  assert.equal(copies.length, plan.segments.length);
  for (const segment of plan.segments) {
    const copy = copies.find(({ destination }) => destination === segment.address)!;
    assert.equal(copy.copied + copy.cleared, BigInt(segment.memorySize));
    const from = Number(copy.source - region.start);
    assert.ok(from >= stub.bytes.length, 'the stub is not written over what it copies');
    assert.deepEqual(
      new Uint8Array(bytes.subarray(from, from + segment.bytes.length)),
      new Uint8Array(segment.bytes),
      segment.name,
    );
    const rest = bytes.subarray(from + segment.bytes.length, from + Number(copy.copied));
    assert.ok(rest.every((byte) => byte === 0));
  }
});

test('a large part is kept as it is, a segment of its own beside the small ones, and not copied', () => {
  const bytes = new Uint8Array(2 ** 20 + 5).fill(7);
  const initrds = [{ name: 'large', path: undefined, bytes }];
  const plan = planLoad(loadRequest({ machine, initrds, isInitrdWhole: true }));
  assert.ok(plan.method === 'segments');
  const size = wayHomeSize(plan, false);
  const region = rangeFromSize(CRASH_RANGE.end - size, size);
  const { kept, stub } = planWayHome(plan, region, false);
  assert.deepEqual(
    kept.map(({ name }) => name),
    ['home', 'home-initrd'],
  );
  assert.equal(kept[1]!.bytes, segmentOf(plan, 'initrd').bytes);
  assert.equal(BigInt(keptBytes(kept).length), size);
  const copy = copiesOf(stub.bytes).find(
    ({ destination }) => destination === segmentOf(plan, 'initrd').address,
  )!;
  assert.deepEqual([copy.source, copy.copied], [kept[1]!.address, BigInt(2 ** 20 + 8)]);
  const panic = planLoad(loadRequest({ machine, slot: 'crash', kept }));
  for (const { start, end, type } of panic.memoryMap)
    if (type === 'ram') assert.ok(end <= region.start || start >= region.end);
});

test('the panic kernel is told of no memory in which the way home is kept', () => {
  const plan = homePlan();
  const size = wayHomeSize(plan, false);
  const region = rangeFromSize(CRASH_RANGE.end - size, size);
  const { kept } = planWayHome(plan, region, false);
  const panic = planLoad(loadRequest({ machine, slot: 'crash', kept }));
  assert.equal(panic.method, 'segments');
  const home = panic.segments.find(({ name }) => name === 'home')!;
  assert.equal(home.address, region.start);
  for (const { start, end, type } of panic.memoryMap)
    if (type === 'ram') assert.ok(end <= region.start || start >= region.end);
});

test('a report has room that no part touches, and the stub copies its header only', () => {
  const plan = planLoad(loadRequest({ machine, reportRoom: 0x4_0001 }));
  assert.ok(plan.method === 'segments' && plan.report !== undefined);
  const { address, size, header } = plan.report;
  assert.equal(size, 0x4_1000);
  for (const segment of plan.segments)
    assert.ok(
      segment.address + BigInt(segment.memorySize) <= address || segment.address >= address + BigInt(size),
      segment.name,
    );
  const list = segmentOf(plan, 'setup-data');
  const last = new DataView(list.bytes.buffer, list.bytes.byteOffset).getBigUint64(0, true);
  assert.equal(last, address, 'the list ends with the report');
  assert.deepEqual(
    decodeSetupData(new Uint8Array(Buffer.concat([header, Buffer.alloc(size - 16)])), address),
    [{ type: 'khopReport', bytes: new Uint8Array(size - 16) }],
  );
  const room = wayHomeSize(plan, false);
  const { kept, stub, report } = planWayHome(plan, rangeFromSize(CRASH_RANGE.end - room, room), false);
  assert.equal(report, plan.report);
  const copy = copiesOf(stub.bytes).find(({ destination }) => destination === address)!;
  assert.deepEqual([copy.copied, copy.cleared], [16n, 0n]);
  const from = Number(copy.source - kept[0]!.address);
  assert.deepEqual(new Uint8Array(keptBytes(kept).subarray(from, from + 16)), header);
  assert.equal(room - wayHomeSize(homePlan(), false), 4096n, 'a page of the reservation');
});

test('a stub for five-level paging has one table more', () => {
  const order = { copies: [], entry: 0x10_0000n };
  const around = rangeFromSize(0x6800_0000n, 0x10_0000n);
  const four = returnStub({ ...order, isFiveLevel: false }, around);
  const five = returnStub({ ...order, isFiveLevel: true }, around);
  assert.equal(five.length - four.length, 4096);
});
