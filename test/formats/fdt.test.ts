import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type DeviceTree, type DeviceTreeNode, stringProperty } from '../../src/formats/device-tree.ts';
import { encodeFdt, isFdt, parseFdt } from '../../src/formats/fdt.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const PLAIN = { noNullPrototype: true } as const;
const u64 = fc.bigInt(1n, (1n << 64n) - 1n);
const name = fc.string({ unit: fc.constantFrom(...'abz09,._+-@#'), minLength: 1, maxLength: 20 });
const property = fc.record({ name, value: fc.uint8Array({ maxLength: 12 }) }, PLAIN);
const properties = fc.array(property, { maxLength: 3 });
const leaf: fc.Arbitrary<DeviceTreeNode> = fc.record({ name, properties, children: fc.constant([]) }, PLAIN);
const branch = fc.record({ name, properties, children: fc.array(leaf, { maxLength: 3 }) }, PLAIN);
const tree: fc.Arbitrary<DeviceTree> = fc.record(
  {
    reservations: fc.array(fc.record({ address: u64, size: u64 }, PLAIN), { maxLength: 3 }),
    bootCpu: fc.nat(0xffffffff),
    root: fc.record(
      { name: fc.constant(''), properties, children: fc.array(branch, { maxLength: 3 }) },
      PLAIN,
    ),
  },
  PLAIN,
);

const EXAMPLE: DeviceTree = {
  reservations: [{ address: 0x8000_0000n, size: 0x1_0000n }],
  bootCpu: 2,
  root: {
    name: '',
    properties: [{ name: 'compatible', value: stringProperty('linux,dummy-virt') }],
    children: [
      {
        name: 'chosen',
        properties: [
          { name: 'bootargs', value: stringProperty('quiet') },
          { name: 'empty', value: new Uint8Array(0) },
        ],
        children: [],
      },
      { name: 'memory@40000000', properties: [], children: [] },
    ],
  },
};

/** A blob with this structure block, an empty list of reservations and the one property name `a`. */
function blobOf(words: readonly number[], version = 17): Uint8Array {
  const bytes = new Uint8Array(56 + words.length * 4 + 2);
  const view = new DataView(bytes.buffer);
  const strings = 56 + words.length * 4;
  const header = [0xd00dfeed, bytes.length, 56, strings, 40, version, 16, 0, 2, words.length * 4];
  for (const [index, word] of [...header, 0, 0, 0, 0, ...words].entries()) view.setUint32(index * 4, word);
  bytes[strings] = 0x61;
  return bytes;
}

describe('the flattened device tree', () => {
  it('decodes to what it was encoded from', () => {
    fc.assert(fc.property(tree, (value) => assert.deepEqual(parseFdt(encodeFdt(value)), value)));
  });

  it('stores a property name once, however many properties have it', () => {
    const child = (index: number) => ({
      name: `n${index}`,
      properties: [{ name: 'a-rather-long-name', value: new Uint8Array(0) }],
      children: [],
    });
    const root = { name: '', properties: [], children: [child(0), child(1), child(2)] };
    const text = Buffer.from(encodeFdt({ reservations: [], bootCpu: 0, root })).toString('latin1');
    assert.equal(text.split('a-rather-long-name').length, 2);
  });

  it('skips FDT_NOP wherever it stands', () => {
    const { root } = parseFdt(blobOf([4, 1, 0, 4, 3, 4, 0, 7, 4, 2, 4, 9]));
    assert.deepEqual(root, {
      name: '',
      properties: [{ name: 'a', value: new Uint8Array([0, 0, 0, 7]) }],
      children: [],
    });
  });

  it('reads version 16, which does not say how long its structure block is', () => {
    assert.equal(parseFdt(blobOf([1, 0, 2, 9], 16)).root.children.length, 0);
  });

  it('leaves what follows its total size alone', () => {
    const bytes = Buffer.concat([encodeFdt(EXAMPLE), new Uint8Array(99).fill(0xee)]);
    assert.deepEqual(parseFdt(new Uint8Array(bytes)), EXAMPLE);
  });
});

describe('parseFdt refuses', () => {
  const malformed: readonly [string, Uint8Array, RegExp][] = [
    ['bytes that are no tree', new Uint8Array(64), /magic/],
    ['a version that is too old', blobOf([1, 0, 2, 9], 3), /version 3/],
    ['a property outside of any node', blobOf([3, 0, 0, 9]), /cannot be here/],
    ['an end without a beginning', blobOf([2, 9]), /cannot be here/],
    ['a second root', blobOf([1, 0, 2, 1, 0, 2, 9]), /cannot be here/],
    ['an open node at the end', blobOf([1, 0, 9]), /cannot be here/],
    ['no root at all', blobOf([9]), /cannot be here/],
    ['a token that does not exist', blobOf([1, 0, 5, 2, 9]), /0x5 cannot be here/],
    ['a missing FDT_END', blobOf([1, 0, 2]), /token/],
    ['a value longer than the block', blobOf([1, 0, 3, 0xffffffff, 0, 2, 9]), /property value/],
    ['a name outside the strings block', blobOf([1, 0, 3, 0, 77, 2, 9]), /property name/],
    ['a node name without an end', blobOf([1, 0x61616161, 0x61616161]), /node name/],
    ['nodes nested without end', blobOf([...Array.from({ length: 400 }, () => [1, 0]).flat(), 9]), /deeply/],
  ];
  for (const [what, bytes, message] of malformed)
    it(what, () => assert.throws(() => parseFdt(bytes), { code: 'E_FORMAT', message }));

  it('every prefix', () => {
    const bytes = encodeFdt(EXAMPLE);
    assertSurvivesTruncation(parseFdt, bytes, bytes.length);
    assert.equal(isFdt(bytes.subarray(0, 39)), false);
  });

  it('damage with an error of its own, or gives a value', () => {
    assertSurvivesDamage(parseFdt, encodeFdt(EXAMPLE), undefined, 4000);
  });
});
