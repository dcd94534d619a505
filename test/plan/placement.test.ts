import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import {
  mergeRanges,
  type Range,
  rangeContains,
  rangeFromSize,
  rangesOverlap,
} from '../../src/formats/range.ts';
import type { PlannedSegment } from '../../src/plan/load-plan.ts';
import {
  findHole,
  freeRanges,
  intersectRanges,
  isInside,
  type PlacementWish,
  placeAll,
} from '../../src/plan/placement.ts';
import { type SegmentRules, segmentViolations } from '../../src/plan/verify-segments.ts';
import { inputs } from '../support/inputs.ts';

const PAGE = 4096n;
const MIB = 1n << 20n;

function wish(over: Partial<PlacementWish>): PlacementWish {
  return { name: 'kernel', size: PAGE, alignment: PAGE, minimum: 0n, direction: 'bottom-up', ...over };
}

test('bottom-up takes the lowest aligned address, top-down the highest', () => {
  const free = [rangeFromSize(3n * PAGE, 100n * PAGE), rangeFromSize(200n * PAGE, 50n * PAGE)];
  assert.deepEqual(findHole(free, wish({ alignment: 16n * PAGE })), rangeFromSize(16n * PAGE, PAGE));
  assert.deepEqual(
    findHole(free, wish({ alignment: 16n * PAGE, direction: 'top-down' })),
    rangeFromSize(240n * PAGE, PAGE),
  );
});

test('minimum and maximum bound the place from both ends', () => {
  const free = [rangeFromSize(0n, 64n * MIB)];
  assert.equal(findHole(free, wish({ minimum: 16n * MIB, size: 48n * MIB }))?.start, 16n * MIB);
  assert.equal(findHole(free, wish({ minimum: 16n * MIB, size: 48n * MIB + PAGE })), undefined);
  assert.equal(findHole(free, wish({ direction: 'top-down', maximum: 10n * MIB }))?.end, 10n * MIB);
  assert.equal(findHole(free, wish({ minimum: 10n * MIB, maximum: 10n * MIB })), undefined);
});

test('a wish with an absurd size or alignment is refused as a plan that cannot be', () => {
  for (const bad of [{ size: 0n }, { size: -1n }, { alignment: 0n }, { alignment: 3n }])
    assert.throws(() => findHole([], wish(bad)), { code: 'E_PLAN' });
});

test('a wish that does not fit names itself and the largest range left', () => {
  const free = [rangeFromSize(MIB, 4n * MIB)];
  const wishes = [wish({ name: 'kernel', size: 3n * MIB }), wish({ name: 'initrd', size: 2n * MIB })];
  assert.throws(() => placeAll(free, wishes), {
    code: 'E_PLAN',
    message: /no place for initrd: 0x200000 bytes.*largest of 1 free ranges is 0x400000-0x500000/,
  });
  assert.throws(() => placeAll([], wishes), { message: /no RAM is free/ });
});

test('what is common to two lists of ranges is in both and nowhere else', () => {
  assert.deepEqual(
    intersectRanges(
      [rangeFromSize(0n, 10n), rangeFromSize(20n, 10n)],
      [rangeFromSize(5n, 20n), rangeFromSize(28n, 100n)],
    ),
    [
      { start: 5n, end: 10n },
      { start: 20n, end: 25n },
      { start: 28n, end: 30n },
    ],
  );
});

const pages = (max: number): fc.Arbitrary<bigint> =>
  fc.integer({ min: 1, max }).map((count) => BigInt(count) * PAGE);
const someRange: fc.Arbitrary<Range> = fc
  .tuple(fc.integer({ min: 0, max: 1 << 18 }), pages(1 << 15))
  .map(([start, size]) => rangeFromSize(BigInt(start) * PAGE, size));
const someWishes: fc.Arbitrary<PlacementWish[]> = fc
  .array(
    fc.record({
      size: pages(1 << 12),
      alignment: fc.constantFrom(PAGE, 16n * PAGE, 512n * PAGE),
      minimum: fc.constantFrom(0n, MIB, 16n * MIB),
      maximum: fc.constantFrom(undefined, 1n << 29n, 1n << 40n),
      direction: fc.constantFrom('bottom-up' as const, 'top-down' as const),
    }),
    { minLength: 1, maxLength: 16 },
  )
  .map((list) => list.map((entry, index) => ({ name: `part-${index}`, ...entry })));

const scene = fc.record({
  ram: fc.array(someRange, { minLength: 1, maxLength: 8 }),
  avoid: fc.array(someRange, { maxLength: 6 }),
  wishes: someWishes,
});

function placeOrUndefined(free: Range[], wishes: PlacementWish[]): ReadonlyMap<string, Range> | undefined {
  try {
    return placeAll(free, wishes);
  } catch (error) {
    assert.ok(error instanceof KhopError && error.code === 'E_PLAN');
    return undefined;
  }
}

test('whatever the map, places never overlap, stay in RAM, keep off what is avoided and are aligned', () => {
  let placedCount = 0;
  fc.assert(
    fc.property(scene, ({ ram, avoid, wishes }) => {
      const placed = placeOrUndefined(freeRanges(ram, avoid), wishes);
      if (placed === undefined) return;
      placedCount += 1;
      const ranges = wishes.map((one) => placed.get(one.name) as Range);
      for (const [index, range] of ranges.entries()) {
        const one = wishes[index] as PlacementWish;
        assert.equal(range.end - range.start, one.size);
        assert.equal(range.start % one.alignment, 0n);
        assert.ok(range.start >= one.minimum);
        assert.ok(one.maximum === undefined || range.end <= one.maximum);
        assert.ok(mergeRanges(ram).some((outer) => rangeContains(outer, range)));
        assert.ok(isInside(mergeRanges(ram), range));
        assert.ok(!avoid.some((hole) => rangesOverlap(hole, range)));
        assert.ok(!ranges.some((other, at) => at !== index && rangesOverlap(other, range)));
      }
    }),
    inputs(300),
  );
  assert.ok(placedCount > 50, `only ${placedCount} scenes could be placed`);
});

test('a place is found exactly when a page-by-page search finds one', () => {
  const small = fc.record({
    free: fc.array(
      fc
        .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 }))
        .map(([at, size]) => rangeFromSize(BigInt(at), BigInt(size))),
      { maxLength: 5 },
    ),
    size: fc.bigInt({ min: 1n, max: 16n }),
    alignment: fc.constantFrom(1n, 2n, 4n, 8n),
    minimum: fc.bigInt({ min: 0n, max: 40n }),
    maximum: fc.option(fc.bigInt({ min: 0n, max: 90n }), { nil: undefined }),
    direction: fc.constantFrom('bottom-up' as const, 'top-down' as const),
  });
  fc.assert(
    fc.property(small, ({ free, ...rest }) => {
      const merged = mergeRanges(free);
      const fits = Array.from({ length: 100 }, (_, at) => rangeFromSize(BigInt(at), rest.size)).filter(
        (range) =>
          range.start % rest.alignment === 0n &&
          range.start >= rest.minimum &&
          (rest.maximum === undefined || range.end <= rest.maximum) &&
          isInside(merged, range),
      );
      const expected = rest.direction === 'bottom-up' ? fits[0] : fits.at(-1);
      assert.deepEqual(findHole(merged, { name: 'x', ...rest }), expected);
    }),
    inputs(500),
  );
});

function segmentsFrom(placed: ReadonlyMap<string, Range>): PlannedSegment[] {
  return [...placed].map(([name, range]) => ({
    name,
    address: range.start,
    memorySize: Number(range.end - range.start),
    bytes: new Uint8Array(16),
    source: 'test',
  }));
}

test('the safety net accepts every placement and rejects every mutation of it', () => {
  fc.assert(
    fc.property(scene, fc.nat(), ({ ram, avoid, wishes }, pick) => {
      const lowest = MIB;
      const placed = placeOrUndefined(freeRanges(ram, [...avoid, { start: 0n, end: lowest }]), wishes);
      if (placed === undefined) return;
      const rules: SegmentRules = {
        allowed: ram,
        forbidden: avoid,
        lowest,
        pageSize: 4096,
        memoryTotal: 1n << 60n,
      };
      const segments = segmentsFrom(placed);
      const entry = segments[0]?.address ?? 0n;
      assert.deepEqual(segmentViolations(segments, entry, rules), []);

      const at = pick % segments.length;
      const mutate = (change: Partial<PlannedSegment>): PlannedSegment[] =>
        segments.map((segment, index) => (index === at ? { ...segment, ...change } : segment));
      const victim = segments[at] as PlannedSegment;
      const beyond = ram.reduce((end, range) => (range.end > end ? range.end : end), 0n);
      const mutants: PlannedSegment[][] = [
        mutate({ address: victim.address + 1n }),
        mutate({ address: 0n }),
        mutate({ address: beyond }),
        mutate({ address: -PAGE }),
        mutate({ memorySize: victim.memorySize + 1 }),
        mutate({ memorySize: 0 }),
        mutate({ memorySize: Number.NaN }),
        mutate({ bytes: new Uint8Array(victim.memorySize + 1) }),
        [...segments, { ...victim, name: 'twin' }],
        ...avoid.map((range) => mutate({ address: (range.start / PAGE) * PAGE })),
      ];
      for (const mutant of mutants)
        assert.notDeepEqual(segmentViolations(mutant, mutant[0]?.address ?? 0n, rules), []);
    }),
    inputs(150),
  );
});
