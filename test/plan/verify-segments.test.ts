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
