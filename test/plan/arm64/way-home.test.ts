import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findNode, propertyValue, rangesOfReg } from '../../../src/formats/device-tree.ts';
import { parseFdt } from '../../../src/formats/fdt.ts';
import { arm64ReturnStub } from '../../../src/plan/arm64/return-stub.ts';
import { planHome } from '../../../src/plan/plan-home.ts';
import {
  ARM64_CRASH_RANGE,
  arm64MachineWithReservation,
  arm64Request,
} from '../../support/arm64-requests.ts';
import { segmentOf, segmentPlan } from '../../support/load-requests.ts';
import { absent, read } from '../../support/machine-facts.ts';

const ROOM = 64n << 20n;
const machine = arm64MachineWithReservation();
const initrds = [{ name: 'initrd', path: undefined, bytes: new Uint8Array(2 ** 20 + 5).fill(7) }];

/** The copies that a stub's table holds. */
function copiesOf(stub: Uint8Array) {
  const view = new DataView(stub.buffer, stub.byteOffset);
  const word = (offset: number) => view.getBigUint64(offset, true);
  const copies: { source: bigint; destination: bigint; copied: bigint; cleared: bigint }[] = [];
  for (let at = 0x100; word(at + 16) + word(at + 24) !== 0n; at += 32)
    copies.push({
      ...{ source: word(at), destination: word(at + 8) },
      ...{ copied: 8n * word(at + 16), cleared: 8n * word(at + 24) },
    });
  return copies;
}

test('the stub knows its copies and its entry where the code looks for them', () => {
  const copies = [{ source: 0x1000n, destination: 0n, size: 16, cleared: 8 }];
  const stub = arm64ReturnStub(copies, 0x1234_5678_9000n);
  const view = new DataView(stub.buffer);
  const literal = (at: number) => at + ((view.getUint32(at, true) << 8) >> 13) * 4;
  assert.equal(view.getBigUint64(literal(0xa0), true), 0x1234_5678_9000n);
  assert.equal((view.getUint32(0, true) >> 5) & 0x7_ffff, 0x100 / 4, 'adr x10, the copies');
  assert.deepEqual(copiesOf(stub), [{ source: 0x1000n, destination: 0n, copied: 16n, cleared: 8n }]);
  const many = Array.from({ length: 2048 }, () => copies[0]!);
  assert.throws(() => arm64ReturnStub(many, 0n), { code: 'E_PLAN' });
});

test('following the copies puts every segment where it runs, from what the panic kernel is not told of', () => {
  const plan = segmentPlan(arm64Request({ machine, initrds, isInitrdWhole: true }));
  const { region, kept, stub, bootProcessor } = planHome(plan, machine, ROOM);
  assert.equal(region.end, ARM64_CRASH_RANGE.end);
  assert.equal(bootProcessor, undefined);
  const copies = copiesOf(stub.bytes);
  assert.equal(copies.length, plan.segments.length);
  for (const segment of plan.segments) {
    const copy = copies.find(({ destination }) => destination === segment.address)!;
    assert.equal(copy.copied + copy.cleared, BigInt(segment.memorySize));
    const holder = kept.find(
      ({ address, memorySize }) =>
        copy.source >= address && copy.source + copy.copied <= address + BigInt(memorySize),
    )!;
    const from = Number(copy.source - holder.address);
    assert.deepEqual(
      new Uint8Array(holder.bytes.subarray(from, from + segment.bytes.length)),
      new Uint8Array(segment.bytes),
      segment.name,
    );
  }
  const panic = segmentPlan(arm64Request({ machine, slot: 'crash', kept }));
  const own = { start: ARM64_CRASH_RANGE.start, end: region.start };
  const chosen = findNode(parseFdt(segmentOf(panic, 'device-tree').bytes).root, '/chosen')!;
  const told = propertyValue(chosen, 'linux,usable-memory-range') ?? new Uint8Array(1);
  assert.deepEqual(rangesOfReg(told, { address: 2, size: 2 }), [own]);
  assert.deepEqual(panic.memoryMap, [{ ...own, type: 'ram' }]);
  assert.equal(stub.address + BigInt(stub.bytes.length), region.start, 'in memory that it is told of');
  for (const { address, memorySize, name } of panic.segments)
    if (!name.startsWith('home')) assert.ok(address + BigInt(memorySize) <= region.start, name);
});

test('what is kept can be loaded by a kernel with pages of 64 KiB', () => {
  const large = arm64MachineWithReservation({ pageSize: read(65536) });
  const plan = segmentPlan(arm64Request({ machine: large, initrds, isInitrdWhole: true }));
  const { kept, stub } = planHome(plan, large, ROOM);
  assert.deepEqual([stub.address % 65536n, stub.bytes.length % 65536], [0n, 0]);
  const panic = segmentPlan(arm64Request({ machine: large, slot: 'crash', kept }));
  for (const { address, memorySize } of panic.segments)
    assert.deepEqual([address % 65536n, memorySize % 65536], [0n, 0]);
});

test('a way home that does not fit is refused, and one needs nothing of the processor', () => {
  const plan = segmentPlan(arm64Request({ machine }));
  assert.throws(() => planHome(plan, machine, 4096n), { code: 'E_PLAN', hint: /--memory SIZE/ });
  const unknown = { ...machine, cpu: { ...machine.cpu, bootProcessor: absent('/proc/cpuinfo') } };
  assert.equal(planHome(plan, unknown, ROOM).bootProcessor, undefined);
});
