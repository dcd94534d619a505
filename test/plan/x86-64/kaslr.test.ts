import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Range } from '../../../src/formats/range.ts';
import type { UnpackedLayout } from '../../../src/formats/unpacked-kernel.ts';
import {
  drawPhysicalBase,
  drawVirtualDistance,
  RandomDraws,
  virtualSlots,
} from '../../../src/plan/x86-64/kaslr.ts';
import { inputs } from '../../support/inputs.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const MIB = 1 << 20;
const GIB = 1n << 30n;
const ALIGNMENT = 2 * MIB;

/** Sizes of the kind that distributions have: 477 virtual places. */
const LAYOUT: UnpackedLayout = {
  prefAddress: 16 * MIB,
  alignment: ALIGNMENT,
  entryOffset: 0,
  memorySize: 60 * MIB,
  virtualSize: 55 * MIB,
  commandLineSize: 2047,
  xloadFlags: 0x7f,
};

/** Draws that give these numbers, as long as each is below the count that is asked for. */
function drawing(...numbers: readonly bigint[]): RandomDraws {
  const bytes = Buffer.alloc(numbers.length * 8);
  for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(number, index * 8);
  return new RandomDraws(bytes);
}

/**
 * Pearson's statistic of `counts` against all being equally likely. For k counts it has the mean k - 1 and the
 * variance 2 (k - 1); the tests allow five standard deviations to either side.
 */
function assertUniform(counts: readonly number[]): void {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const expected = total / counts.length;
  assert.ok(expected >= 20, 'too few draws for the statistic to mean anything');
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  const deviation = (statistic - freedom) / Math.sqrt(2 * freedom);
  assert.ok(Math.abs(deviation) < 5, `${deviation.toFixed(2)} standard deviations from uniform`);
}

test('every virtual place is as likely as any other', () => {
  const slots = virtualSlots(LAYOUT);
  const counts = new Array<number>(slots).fill(0);
  const draws = new RandomDraws(seededBytes('virtual', slots * 40 * 8));
  for (let index = 0; index < slots * 40; index++)
    counts[drawVirtualDistance(LAYOUT, draws) / ALIGNMENT]! += 1;
  assertUniform(counts);
});

/** Three free ranges of 1, 4 and 32 places for 60 MiB, one of them above 4 GiB, and one that is too small. */
const FREE: readonly Range[] = [
  { start: 16n << 20n, end: 77n << 20n },
  { start: 100n << 20n, end: 130n << 20n },
  { start: 0x1000_1000n, end: 0x1000_1000n + (68n << 20n) },
  { start: 4n * GIB, end: 4n * GIB + (122n << 20n) },
];

function placesIn(free: readonly Range[], layout: UnpackedLayout): bigint[] {
  const places: bigint[] = [];
  for (const { start, end } of free) {
    const step = BigInt(layout.alignment);
    for (let at = 0n; at + BigInt(layout.memorySize) <= end; at += step)
      if (at >= start && at >= BigInt(layout.prefAddress)) places.push(at);
  }
  return places;
}

test('every physical place is as likely as any other, whichever range it is in', () => {
  const places = placesIn(FREE, LAYOUT).map(String);
  assert.equal(places.length, 1 + 4 + 32);
  const counts = new Map(places.map((place) => [place, 0]));
  const draws = new RandomDraws(seededBytes('physical', places.length * 200 * 8));
  for (let index = 0; index < places.length * 200; index++) {
    const place = String(drawPhysicalBase(FREE, LAYOUT, draws));
    assert.ok(counts.has(place), `${place} is no place`);
    counts.set(place, counts.get(place)! + 1);
  }
  assertUniform([...counts.values()]);
});

test('the virtual place tells nothing of the physical one', () => {
  const free = [{ start: 16n << 20n, end: 86n << 20n }];
  const layout = { ...LAYOUT, virtualSize: 1024 * MIB - 16 * MIB - 6 * ALIGNMENT };
  assert.deepEqual([virtualSlots(layout), placesIn(free, layout).length], [7, 6]);
  const counts = new Array<number>(7 * 6).fill(0);
  for (let seed = 0; seed < 42 * 50; seed++) {
    const draws = new RandomDraws(seededBytes(`pair ${seed}`, 64));
    const virtual = drawVirtualDistance(layout, draws) / ALIGNMENT;
    const physical = Number(drawPhysicalBase(free, layout, draws) - (16n << 20n)) / ALIGNMENT;
    counts[virtual * 6 + physical]! += 1;
  }
  assertUniform(counts);
});

test('the first and the last virtual place can be drawn, and the last ends at 1 GiB', () => {
  const slots = virtualSlots(LAYOUT);
  assert.equal(slots, (1024 - 16 - 56) / 2 + 1);
  assert.equal(drawVirtualDistance(LAYOUT, drawing(0n)), 0);
  const last = drawVirtualDistance(LAYOUT, drawing(BigInt(slots - 1)));
  assert.equal(last + LAYOUT.prefAddress + 56 * MIB, 1024 * MIB);
  assert.equal(drawVirtualDistance(LAYOUT, drawing(BigInt(slots))), 0, 'and there is none behind it');
});

test('no virtual place ends beyond 1 GiB, whatever the kernel’s size', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1024 * MIB }),
      fc.integer({ min: 1, max: 64 }),
      fc.constantFrom(2 * MIB, 4 * MIB, 16 * MIB),
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      (virtualSize, prefSteps, alignment, entropy) => {
        const layout = { ...LAYOUT, virtualSize, alignment, prefAddress: prefSteps * 16 * MIB };
        if (virtualSlots(layout) < 2) return;
        const distance = drawVirtualDistance(layout, new RandomDraws(entropy));
        assert.equal(distance % alignment, 0);
        assert.ok(distance >= 0 && layout.prefAddress + distance + virtualSize <= 1024 * MIB);
      },
    ),
  );
});

test('a kernel with one virtual place or none is not moved, because nothing would be random', () => {
  const full = 1024 * MIB - LAYOUT.prefAddress;
  for (const [virtualSize, slots] of [
    [full, 1],
    [full - ALIGNMENT + 1, 1],
    [full + 1, 0],
    [2048 * MIB, 0],
  ] as const) {
    const layout = { ...LAYOUT, virtualSize };
    assert.equal(virtualSlots(layout), slots);
    assert.throws(() => drawVirtualDistance(layout, drawing(0n)), {
      code: 'E_PLAN',
      message: /too large to be moved/,
    });
  }
  assert.equal(virtualSlots({ ...LAYOUT, virtualSize: full - ALIGNMENT }), 2);
});

test('the n-th physical place is the n-th of all that fit, for any ranges and sizes', () => {
  const range = fc
    .tuple(fc.nat(600), fc.nat(400), fc.nat(4095))
    .map(([start, length, pages]) => ({ start, length: length + pages / 256 }));
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 5 }),
      fc.integer({ min: 1, max: 200 * MIB }),
      fc.constantFrom(2 * MIB, 16 * MIB),
      (gaps, memorySize, alignment) => {
        const layout = { ...LAYOUT, memorySize, alignment };
        const free: Range[] = [];
        let at = 0n;
        for (const { start, length } of gaps) {
          at += BigInt(start) << 20n;
          free.push({ start: at, end: at + BigInt(Math.round(length * 256)) * 4096n });
          at = free.at(-1)!.end + 4096n;
        }
        const rounded = { ...layout, memorySize: Math.ceil(memorySize / 4096) * 4096 };
        const places = placesIn(free, rounded);
        for (const index of [0, places.length >> 1, places.length - 1])
          if (places.length > 0)
            assert.equal(drawPhysicalBase(free, layout, drawing(BigInt(index))), places[index]);
        if (places.length === 0)
          assert.throws(() => drawPhysicalBase(free, layout, drawing(0n)), { code: 'E_PLAN' });
      },
    ),
    inputs(200),
  );
});

test('a kernel that exactly fills a free range has one place, and none when a byte is missing', () => {
  const end = BigInt(LAYOUT.prefAddress + LAYOUT.memorySize);
  const start = BigInt(LAYOUT.prefAddress);
  assert.equal(drawPhysicalBase([{ start, end }], LAYOUT, drawing(7n)), start);
  for (const range of [
    { start, end: end - 1n },
    { start: start + 1n, end },
  ])
    assert.throws(() => drawPhysicalBase([range], LAYOUT, drawing(0n)), {
      code: 'E_PLAN',
      message: /no free range of RAM holds the kernel’s 62914560 bytes/,
    });
  assert.throws(() => drawPhysicalBase([], LAYOUT, drawing(0n)), { code: 'E_PLAN' });
});

test('memory below pref_address is never chosen', () => {
  const below = [{ start: 1n << 20n, end: BigInt(LAYOUT.prefAddress) }];
  const small = { ...LAYOUT, memorySize: MIB };
  assert.throws(() => drawPhysicalBase(below, small, drawing(0n)), { code: 'E_PLAN' });
});

test('memory above 4 GiB is used as any other, up to terabytes', () => {
  const free = [{ start: 4n * GIB, end: 8192n * GIB }];
  const count = (8188n * GIB - BigInt(LAYOUT.memorySize)) / BigInt(ALIGNMENT) + 1n;
  assert.equal(drawPhysicalBase(free, LAYOUT, drawing(0n)), 4n * GIB);
  const last = drawPhysicalBase(free, LAYOUT, drawing(count - 1n));
  assert.equal(last + BigInt(LAYOUT.memorySize), 8192n * GIB);
});

test('a draw that would make small numbers likelier is rejected, and the next one counts', () => {
  const top = (1n << 64n) - 1n;
  // 2^64 leaves 1 when divided by 3: only the topmost number is unfair.
  assert.equal(drawing(top, 2n).below(3), 2);
  assert.equal(drawing(top - 1n, 2n).below(3), Number((top - 1n) % 3n));
  for (const count of [477, 975, 3000]) {
    const unfair = (1n << 64n) % BigInt(count);
    assert.equal(drawing(top, top - unfair + 1n, 5n).below(count), 5, `${count}`);
    assert.equal(drawing(top - unfair, 5n).below(count), count - 1, `${count}`);
  }
});

test('for a power of two no draw is unfair', () => {
  assert.equal(drawing((1n << 64n) - 1n).below(512), 511);
  assert.equal(drawing((1n << 64n) - 1n).below(1), 0);
});

test('each random byte is used once, and running out is an error of ours', () => {
  const draws = drawing(1n, 2n);
  assert.deepEqual([draws.below(9), draws.below(9)], [1, 2]);
  assert.throws(() => draws.below(9), { code: 'E_PLAN', message: /used up/ });
  assert.throws(() => new RandomDraws(new Uint8Array(7)).below(9), { code: 'E_PLAN' });
  const unfair = new Uint8Array(64).fill(0xff);
  assert.throws(() => new RandomDraws(unfair).below(3), { code: 'E_PLAN', message: /used up/ });
});

test('draws read a part of a larger buffer from its start', () => {
  const bytes = new Uint8Array(24);
  bytes[8] = 5;
  assert.equal(new RandomDraws(bytes.subarray(8)).below(9), 5);
});
