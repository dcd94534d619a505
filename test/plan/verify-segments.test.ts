import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlannedSegment } from '../../src/plan/load-plan.ts';
import { type SegmentRules, segmentViolations, verifySegments } from '../../src/plan/verify-segments.ts';

const MIB = 1n << 20n;
const RULES: SegmentRules = {
  allowed: [
    { start: 0x1000n, end: 0x9f000n },
    { start: MIB, end: 64n * MIB },
    { start: 64n * MIB, end: 128n * MIB },
  ],
  forbidden: [{ start: 32n * MIB, end: 48n * MIB }],
  lowest: MIB,
  pageSize: 4096,
  memoryTotal: 128n * MIB,
};

function segment(over: Partial<PlannedSegment>): PlannedSegment {
  return {
    name: 'kernel',
    address: 16n * MIB,
    memorySize: 8192,
    bytes: new Uint8Array(100),
    source: 'test',
    ...over,
  };
}

function violations(segments: readonly PlannedSegment[], entry = 16n * MIB): string {
  return segmentViolations(segments, entry, RULES).join('\n');
}

test('a sound plan has no violations', () => {
  assert.equal(violations([segment({})]), '');
  verifySegments([segment({})], 16n * MIB, RULES);
});

test('a segment may span two ranges of RAM that touch', () => {
  assert.equal(violations([segment({ address: 64n * MIB - 4096n })], 64n * MIB - 4096n), '');
});

const broken: readonly [string, readonly PlannedSegment[], RegExp][] = [
  ['a device’s registers', [segment({ address: 0xfee00000n })], /leaves the memory it may use/],
  ['address 0', [segment({ address: 0n })], /below 0x100000/],
  ['RAM below 1 MiB', [segment({ address: 0x2000n })], /below 0x100000/],
  ['the end of RAM', [segment({ address: 128n * MIB - 4096n })], /leaves the memory/],
  ['a reserved range', [segment({ address: 47n * MIB })], /touches the reserved range 0x2000000-0x3000000/],
  ['an unaligned address', [segment({ address: 16n * MIB + 8n })], /address is not a multiple/],
  ['an unaligned size', [segment({ memorySize: 5000 })], /size is not a multiple/],
  ['more bytes than memory', [segment({ bytes: new Uint8Array(8193) })], /0x2001 bytes do not fit/],
  [
    'two in one place',
    [segment({}), segment({ name: 'initrd', address: 16n * MIB + 4096n })],
    /overlaps initrd/,
  ],
  [
    'more than half of RAM',
    [segment({ address: 49n * MIB, memorySize: 65 << 20 })],
    /half of RAM, 0x4000000/,
  ],
  ['no segment', [], /0 segments/],
  [
    '17 segments',
    Array.from({ length: 17 }, (_, at) => segment({ address: 16n * MIB + BigInt(at) * 8192n })),
    /17 segments/,
  ],
];

for (const [what, segments, message] of broken)
  test(`refuses ${what}`, () => {
    assert.match(violations(segments, segments[0]?.address), message);
    assert.throws(() => verifySegments(segments, segments[0]?.address ?? 0n, RULES), {
      code: 'E_PLAN',
      message,
    });
  });

test('refuses an entry outside every segment and one in the zeros behind the bytes', () => {
  assert.match(violations([segment({})], 15n * MIB), /entry 0xf00000 is in no segment/);
  assert.match(violations([segment({})], 16n * MIB + 100n), /entry/);
  assert.equal(violations([segment({})], 16n * MIB + 99n), '');
});

test('exactly half of RAM is allowed', () => {
  assert.equal(violations([segment({ address: 64n * MIB, memorySize: 64 << 20 })], 64n * MIB), '');
});

/** 2 MiB from 16 MiB on, of which the segment `kernel` of `segment({})` is only the start. */
const KEPT_FREE = { owner: 'kernel', range: { start: 16n * MIB, end: 18n * MIB } };

function keptFreeViolations(
  others: readonly PlannedSegment[],
  range = KEPT_FREE.range,
  kernel: Partial<PlannedSegment> = { address: range.start },
): string {
  const rules = { ...RULES, keptFree: [{ owner: 'kernel', range }] };
  const segments = [segment(kernel), ...others];
  return segmentViolations(segments, segments[0]!.address, rules).join('\n');
}

test('memory that is kept free begins with its owner’s content, and others may touch its ends', () => {
  const below = segment({ name: 'stub', address: 16n * MIB - 8192n });
  const above = segment({ name: 'initrd', address: 18n * MIB });
  assert.equal(keptFreeViolations([below, above]), '');
});

test('refuses another segment in memory that is kept free, by a page at either end', () => {
  const kernelElsewhere = { address: 24n * MIB };
  for (const address of [16n * MIB - 4096n, 17n * MIB, 18n * MIB - 4096n])
    assert.match(
      keptFreeViolations([segment({ name: 'initrd', address })], KEPT_FREE.range, kernelElsewhere),
      /the memory of kernel at 0x1000000\+0x200000 overlaps initrd/,
    );
});

test('memory that is kept free has to be RAM that may be used, as a segment’s', () => {
  const range = (start: bigint, end: bigint) => ({ start: start * MIB, end: end * MIB });
  assert.match(keptFreeViolations([], range(31n, 33n)), /the memory of kernel .* touches the reserved range/);
  assert.match(keptFreeViolations([], range(127n, 129n)), /the memory of kernel .* leaves the memory/);
  assert.match(
    keptFreeViolations([], { start: 0x2000n, end: 2n * MIB }, { address: 16n * MIB }),
    /the memory of kernel .* below 0x100000/,
  );
});

test('memory that is kept free does not count as copied: more than half of RAM may be', () => {
  assert.equal(keptFreeViolations([], { start: 48n * MIB, end: 128n * MIB }), '');
});
