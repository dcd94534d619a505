import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  cellCounts,
  type DeviceTreeNode,
  findNode,
  propertyInteger,
  propertyStrings,
  propertyText,
  propertyValue,
  rangesOfReg,
  regOfRanges,
  stringProperty,
  u32Property,
  u64Property,
  updateNode,
  withoutProperties,
  withProperty,
} from '../../src/formats/device-tree.ts';

const ROOT: DeviceTreeNode = {
  name: '',
  properties: [{ name: '#address-cells', value: u32Property(1) }],
  children: [
    { name: 'chosen', properties: [{ name: 'bootargs', value: stringProperty('quiet') }], children: [] },
    { name: 'memory@40000000', properties: [], children: [] },
    { name: 'memory@80000000', properties: [], children: [] },
  ],
};

describe('findNode', () => {
  it('finds nodes by path, with or without a unit address', () => {
    assert.equal(findNode(ROOT, '/'), ROOT);
    assert.equal(findNode(ROOT, '/chosen')?.name, 'chosen');
    assert.equal(findNode(ROOT, '/memory')?.name, 'memory@40000000');
    assert.equal(findNode(ROOT, '/memory@80000000')?.name, 'memory@80000000');
    assert.equal(findNode(ROOT, '/memory@90000000'), undefined);
    assert.equal(findNode(ROOT, '/mem'), undefined);
    assert.equal(findNode(ROOT, '/chosen/deeper'), undefined);
  });
});

describe('updateNode', () => {
  it('changes one node in its place and leaves the old tree as it was', () => {
    const changed = updateNode(ROOT, '/chosen', (node) =>
      withProperty(withoutProperties(node, ['bootargs', 'not-there']), 'rng-seed', u64Property(7n)),
    );
    assert.deepEqual(
      changed.children.map((child) => child.name),
      ROOT.children.map((child) => child.name),
    );
    assert.deepEqual(findNode(changed, '/chosen')?.properties, [
      { name: 'rng-seed', value: new Uint8Array([0, 0, 0, 0, 0, 0, 0, 7]) },
    ]);
    assert.equal(propertyText(ROOT.children[0]!, 'bootargs'), 'quiet');
  });

  it('makes the node and those above it when they are not there', () => {
    const changed = updateNode(ROOT, '/reserved-memory/old', (node) =>
      withProperty(node, 'a', stringProperty('b')),
    );
    assert.equal(propertyText(findNode(changed, '/reserved-memory/old')!, 'a'), 'b');
  });

  it('sets a property that is there in its old place', () => {
    const two = withProperty(withProperty(ROOT.children[1]!, 'x', u32Property(1)), 'y', u32Property(2));
    const changed = withProperty(two, 'x', u32Property(3));
    assert.deepEqual(
      changed.properties.map(({ name }) => [name, propertyInteger(changed, name)]),
      [
        ['x', 3n],
        ['y', 2n],
      ],
    );
  });
});

describe('property values', () => {
  const node = (value: Uint8Array): DeviceTreeNode => ({
    name: 'n',
    properties: [{ name: 'p', value }],
    children: [],
  });

  it('are integers of 4 or 8 bytes, and an error of ours otherwise', () => {
    assert.equal(propertyInteger(node(u32Property(0xfedcba98)), 'p'), 0xfedcba98n);
    assert.equal(propertyInteger(node(u64Property(0xfedc_ba98_7654_3210n)), 'p'), 0xfedc_ba98_7654_3210n);
    assert.equal(propertyInteger(node(new Uint8Array(4)), 'q'), undefined);
    for (const length of [0, 1, 3, 5, 12])
      assert.throws(() => propertyInteger(node(new Uint8Array(length)), 'p'), { code: 'E_FORMAT' });
  });

  it('are lists of text, with or without the last NUL', () => {
    assert.deepEqual(propertyStrings(node(Buffer.from('a,b\0c\0')), 'p'), ['a,b', 'c']);
    assert.deepEqual(propertyStrings(node(Buffer.from('a')), 'p'), ['a']);
    assert.equal(propertyValue(node(new Uint8Array(0)), 'q'), undefined);
  });
});

describe('reg', () => {
  it('is read with the cells its parent says, 2 and 1 where it does not', () => {
    assert.deepEqual(cellCounts(ROOT), { address: 1, size: 1 });
    assert.deepEqual(cellCounts(ROOT.children[0]!), { address: 2, size: 1 });
    assert.deepEqual(
      rangesOfReg(new Uint8Array([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]), { address: 2, size: 1 }),
      [{ start: 0x1_0000_0002n, end: 0x1_0000_0005n }],
    );
  });

  it('comes back as it went in', () => {
    const range = fc
      .tuple(fc.bigInt(0n, (1n << 63n) - 1n), fc.bigInt(0n, (1n << 63n) - 1n))
      .map(([start, size]) => ({ start, end: start + size }));
    const counts = { address: 2, size: 2 };
    fc.assert(
      fc.property(fc.array(range, { maxLength: 5 }), (ranges) => {
        assert.deepEqual(rangesOfReg(regOfRanges(ranges, counts), counts), ranges);
      }),
    );
  });

  it('is refused when it is not whole, or an address needs more cells', () => {
    assert.throws(() => rangesOfReg(new Uint8Array(7), { address: 1, size: 1 }), { code: 'E_FORMAT' });
    assert.throws(() => rangesOfReg(new Uint8Array(8), { address: 0, size: 0 }), { code: 'E_FORMAT' });
    assert.throws(() => regOfRanges([{ start: 1n << 32n, end: 1n << 33n }], { address: 1, size: 1 }), {
      code: 'E_UNSUPPORTED',
    });
    const wide = { ...ROOT, properties: [{ name: '#address-cells', value: u32Property(3) }] };
    assert.throws(() => cellCounts(wide), { code: 'E_FORMAT' });
  });
});
