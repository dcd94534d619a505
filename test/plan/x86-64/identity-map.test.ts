import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rangeFromSize } from '../../../src/formats/range.ts';
import { identityMap, identityMapSize } from '../../../src/plan/x86-64/identity-map.ts';
import { inputs } from '../../support/inputs.ts';

const ADDRESS = 0x7f00_0000n;
const ADDRESS_MASK = 0x000f_ffff_ffff_f000n;

/** Walks the tables as a CPU does; undefined where nothing is mapped. */
function translate(bytes: Uint8Array, root: bigint, address: bigint, levels: number): bigint | undefined {
  const view = new DataView(bytes.buffer);
  let table = root;
  for (let level = levels; level >= 2; level -= 1) {
    const index = Number((address >> BigInt(12 + 9 * (level - 1))) & 0x1ffn);
    const entry = view.getBigUint64(Number(table - ADDRESS) + index * 8, true);
    if ((entry & 1n) === 0n) return undefined;
    if ((entry & 0x80n) !== 0n)
      return level === 2 ? (entry & ADDRESS_MASK & ~0x1f_ffffn) + (address & 0x1f_ffffn) : undefined;
    table = entry & ADDRESS_MASK;
  }
  return undefined;
}

const PHYSICAL = fc.bigInt({ min: 0n, max: (1n << 46n) - 1n });
const RANGES = fc.array(
  fc
    .tuple(PHYSICAL, fc.bigInt({ min: 1n, max: 1n << 31n }))
    .map(([start, size]) => rangeFromSize(start, size)),
  { minLength: 1, maxLength: 4 },
);

test('every address of the ranges is mapped to itself, with four levels and with five', () => {
  fc.assert(
    fc.property(RANGES, fc.boolean(), (ranges, isFiveLevel) => {
      const { bytes, root } = identityMap(ADDRESS, ranges, isFiveLevel);
      assert.equal(bytes.length, identityMapSize(ranges, isFiveLevel));
      for (const { start, end } of ranges)
        for (const address of [start, (start + end) / 2n, end - 1n])
          assert.equal(translate(bytes, root, address, isFiveLevel ? 5 : 4), address);
    }),
    inputs(50),
  );
});

test('nothing is mapped beyond the GiB that the ranges touch', () => {
  const { bytes, root } = identityMap(ADDRESS, [{ start: 0x10_0000n, end: 0x20_0000n }], false);
  assert.equal(translate(bytes, root, 0x3fff_ffffn, 4), 0x3fff_ffffn);
  assert.equal(translate(bytes, root, 0x4000_0000n, 4), undefined);
  assert.equal(bytes.length, 3 * 4096);
});
