import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  applyKernelRelocations,
  type KernelRelocations,
  parseKernelRelocations,
} from '../../src/formats/x86-relocations.ts';
import { assertSurvivesDamage, assertSurvivesTruncation, outcomeOf } from '../support/hostile-bytes.ts';
import { inputs } from '../support/inputs.ts';
import {
  LINKED_AT,
  movedImage,
  type PlaceGroups,
  relocationTable,
  tableOf,
} from '../support/unpacked-kernel-builder.ts';

const SIZE = 0x1000;
const IMAGE = { linkedAt: LINKED_AT, size: SIZE };

function parse(table: Uint8Array): KernelRelocations | undefined {
  return parseKernelRelocations(table, IMAGE);
}

function parseGroups(groups: PlaceGroups): readonly number[][] {
  const { quads, inverseWords, words } = parse(relocationTable(groups))!;
  return [[...quads], [...inverseWords], [...words]];
}

test('three groups are 64-bit, inverse and 32-bit places, as up to Linux 6.14', () => {
  assert.deepEqual(parseGroups([[0, 8], [0x10, 0x14, 0x18], [0x20]]), [[0, 8], [0x10, 0x14, 0x18], [0x20]]);
});

test('two groups are 64-bit and 32-bit places, as since Linux 6.15', () => {
  assert.deepEqual(parseGroups([[0, 8], [0x20]]), [[0, 8], [], [0x20]]);
});

test('a group without places still has its zero, in either layout', () => {
  assert.deepEqual(parseGroups([[], [], []]), [[], [], []]);
  assert.deepEqual(parseGroups([[], [4]]), [[], [], [4]]);
  assert.deepEqual(parseGroups([[4], []]), [[4], [], []]);
  assert.deepEqual(parseGroups([[8], [], [4]]), [[8], [], [4]]);
  assert.deepEqual(parseGroups([[8], [4], []]), [[8], [4], []]);
});

test('no bytes are no table: the kernel was built without CONFIG_RANDOMIZE_BASE', () => {
  assert.equal(parse(new Uint8Array(0)), undefined);
});

test('a table at an odd address of memory is read as well', () => {
  const table = relocationTable([[8], [4]]);
  const shifted = new Uint8Array(table.length + 1);
  shifted.set(table, 1);
  assert.deepEqual(parse(shifted.subarray(1)), parse(table));
});

const refusals: readonly [string, Uint8Array, RegExp][] = [
  ['one group', relocationTable([[8, 16]]), /there are 1 groups/],
  ['four groups', relocationTable([[8], [4], [4], [4]]), /only 2 or 3 are known/],
  ['a thousand groups', new Uint8Array(4000), /only 2 or 3 are known/],
  ['a length that is no number of words', relocationTable([[8], [4]]).subarray(0, 15), /no whole number/],
  ['one byte', Uint8Array.of(0), /no whole number/],
  ['no zero at the start', tableOf([LINKED_AT, 0, 0, LINKED_AT]), /does not begin with a zero/],
  ['a place below the image', relocationTable([[-1], []]), /0x80ffffff lies outside the kernel/],
  ['a place behind the image', relocationTable([[], [SIZE]]), /0x81001000 lies outside/],
  ['a 64-bit place over the end', relocationTable([[SIZE - 7], []]), /0x81000ff9 lies outside/],
  ['a 32-bit place over the end', relocationTable([[], [SIZE - 3]]), /0x81000ffd lies outside/],
  ['an inverse place over the end', relocationTable([[], [SIZE - 3], []]), /0x81000ffd lies outside/],
  ['an address below the kernel’s mapping', tableOf([0, 0x100, 0]), /0x100 lies outside/],
];

for (const [what, table, message] of refusals)
  test(`refuses ${what}`, () => assert.throws(() => parse(table), { code: 'E_FORMAT', message }));

test('a place may end with the image’s last byte, whatever its width', () => {
  assert.deepEqual(parseGroups([[SIZE - 8], [SIZE - 4], [SIZE - 4]]), [[SIZE - 8], [SIZE - 4], [SIZE - 4]]);
});

test('an image that is linked so high that its low half wraps has no place inside', () => {
  const table = relocationTable([[8], []]);
  assert.throws(() => parseKernelRelocations(table, { linkedAt: LINKED_AT + 2 ** 32, size: SIZE }), {
    code: 'E_FORMAT',
  });
});

/** 16 bytes with `value` at 0, moved. */
function movedQuad(value: bigint, distance: number): bigint {
  const image = new Uint8Array(16);
  const view = new DataView(image.buffer);
  view.setBigUint64(0, value, true);
  applyKernelRelocations(image, parse(relocationTable([[0], []]))!, distance);
  assert.equal(view.getBigUint64(8, true), 0n, 'the bytes behind it stay');
  return view.getBigUint64(0, true);
}

test('a 64-bit place carries into its upper half, and borrows from it', () => {
  assert.equal(movedQuad(0xffff_ffff_8100_0000n, 0x20_0000), 0xffff_ffff_8120_0000n);
  assert.equal(movedQuad(0x0000_0001_ffff_ffffn, 1), 0x0000_0002_0000_0000n);
  assert.equal(movedQuad(0x0000_0002_0000_0000n, -1), 0x0000_0001_ffff_ffffn);
  assert.equal(movedQuad(0xffff_ffff_ffff_ffffn, 1), 0n);
  assert.equal(movedQuad(0n, -1), 0xffff_ffff_ffff_ffffn);
  assert.equal(movedQuad(0x0000_0000_ffff_ffffn, 2 ** 31 - 1), 0x0000_0001_7fff_fffen);
});

test('a 32-bit place is added to, an inverse one subtracted from, both without touching their neighbours', () => {
  const image = tableOf([0xaaaa_aaaa, 0x8100_1000, 0xbbbb_bbbb, 0x0000_0100, 0xcccc_cccc]);
  applyKernelRelocations(image, parse(relocationTable([[], [12], [4]]))!, 0x20_0000);
  const expected = [0xaaaa_aaaa, 0x8120_1000, 0xbbbb_bbbb, 0xffe0_0100, 0xcccc_cccc];
  assert.deepEqual(image, tableOf(expected));
});

test('a distance of 0 changes nothing', () => {
  const image = Uint8Array.from({ length: SIZE }, (_none, index) => index & 0xff);
  const before = image.slice();
  applyKernelRelocations(image, parse(relocationTable([[0, 8], [16], [20]]))!, 0);
  assert.deepEqual(image, before);
});

test('a distance that 32-bit places cannot hold is refused, and the image stays as it is', () => {
  const image = new Uint8Array(SIZE).fill(0x5a);
  const places = parse(relocationTable([[0], [8], [12]]))!;
  for (const distance of [2 ** 31, -(2 ** 31), 2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => applyKernelRelocations(image, places, distance), { code: 'E_PLAN' });
  assert.deepEqual(image, new Uint8Array(SIZE).fill(0x5a));
});

/** Any image of 64 to 512 bytes, with places of all kinds in it, none over another. */
const kernels = fc
  .integer({ min: 8, max: 64 })
  .chain((slots) =>
    fc.record({
      image: fc.uint8Array({ minLength: slots * 8, maxLength: slots * 8 }),
      kinds: fc.array(fc.constantFrom('quad', 'inverse', 'word', 'none'), {
        minLength: slots,
        maxLength: slots,
      }),
      hasInverse: fc.boolean(),
      distance: fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }),
    }),
  )
  .map(({ image, kinds, hasInverse, distance }) => {
    const of = (kind: string) => kinds.flatMap((each, slot) => (each === kind ? [slot * 8] : []));
    const groups: PlaceGroups = hasInverse
      ? [of('quad'), of('inverse'), of('word')]
      : [of('quad'), of('word')];
    const bounds = { linkedAt: LINKED_AT, size: image.length };
    return {
      image,
      groups,
      distance,
      relocations: parseKernelRelocations(relocationTable(groups), bounds)!,
    };
  });

test('moving equals addition of whole numbers, and moving back restores every byte', () => {
  fc.assert(
    fc.property(kernels, ({ image, groups, relocations, distance }) => {
      const moved = image.slice();
      applyKernelRelocations(moved, relocations, distance);
      assert.deepEqual(moved, movedImage(image, groups, BigInt(distance)));
      applyKernelRelocations(moved, relocations, -distance);
      assert.deepEqual(moved, image);
    }),
    inputs(300),
  );
});

test('two moves equal one by their sum', () => {
  fc.assert(
    fc.property(kernels, fc.integer({ min: -511, max: 511 }), ({ image, relocations }, steps) => {
      const [once, twice] = [image.slice(), image.slice()];
      applyKernelRelocations(once, relocations, steps * 2 ** 21);
      applyKernelRelocations(twice, relocations, steps * 2 ** 20);
      applyKernelRelocations(twice, relocations, steps * 2 ** 20);
      assert.deepEqual(once, twice);
    }),
    inputs(100),
  );
});

const HOSTILE = relocationTable([
  Array.from({ length: 60 }, (_none, index) => index * 8),
  [0x800, 0x804],
  Array.from({ length: 60 }, (_none, index) => 0x900 + index * 4),
]);

test('every prefix of a table is a table or an error of ours', { timeout: 60_000 }, () => {
  assertSurvivesTruncation(parse, HOSTILE);
  // All three groups have to be begun, else the last zero is missing.
  for (let length = 4; length <= 61 * 4; length++)
    assert.throws(() => parse(HOSTILE.subarray(0, length)), { code: 'E_FORMAT' });
});

test('every flipped bit gives a table whose places lie inside, or an error of ours', {
  timeout: 60_000,
}, () => {
  for (let bit = 0; bit < HOSTILE.length * 8; bit++) {
    const copy = HOSTILE.slice();
    copy[bit >> 3]! ^= 1 << (bit & 7);
    const outcome = outcomeOf(parse, copy);
    if (outcome instanceof Error) continue;
    const { quads, inverseWords, words } = outcome as KernelRelocations;
    assert.ok(quads.every((offset) => offset + 8 <= SIZE));
    assert.ok([...inverseWords, ...words].every((offset) => offset + 4 <= SIZE));
  }
});

test('damage of any kind gives a table or an error of ours', { timeout: 60_000 }, () => {
  assertSurvivesDamage(parse, HOSTILE);
});

test('a table of 2 MiB is refused or taken within a second of the processor', { timeout: 60_000 }, () => {
  const zeros = new Uint8Array(2 << 20);
  const started = process.cpuUsage();
  assert.throws(() => parse(zeros), { code: 'E_FORMAT' });
  const dense = tableOf([0, ...new Array<number>((1 << 19) - 2).fill(LINKED_AT + 8), 0]);
  assert.equal(parse(dense)?.quads.length, (1 << 19) - 2);
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 1_000_000, `${user + system} µs`);
});
