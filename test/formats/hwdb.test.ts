import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Hwdb, type HwdbNode, parseHwdb } from '../../src/formats/hwdb.ts';
import { encodeHwdb } from '../../src/formats/hwdb-writer.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { hwdbNode, KEYBOARDS } from '../support/hwdb-builder.ts';

test('what is encoded is what is read', () => {
  assert.deepEqual(parseHwdb(encodeHwdb(KEYBOARDS)), KEYBOARDS);
});

test('any tree comes back, with sources and without', () => {
  const text = fc.stringMatching(/^[ -~]{0,6}$/);
  const value = (files: readonly string[]) =>
    fc.record(
      {
        property: text,
        text,
        source:
          files.length === 0
            ? fc.constant(undefined)
            : fc.record(
                {
                  file: fc.constantFrom(...files),
                  line: fc.nat(0xffffffff),
                  priority: fc.nat(0xffff),
                },
                { noNullPrototype: true },
              ),
      },
      { noNullPrototype: true },
    );
  const nodes = (files: readonly string[], depth: number): fc.Arbitrary<HwdbNode> =>
    fc.record(
      {
        prefix: text,
        children:
          depth === 0
            ? fc.constant([])
            : fc
                .uniqueArray(
                  fc.record({ byte: fc.nat(255), node: nodes(files, depth - 1) }, { noNullPrototype: true }),
                  { selector: ({ byte }) => byte, maxLength: 3 },
                )
                .map((all) => all.toSorted((a, b) => a.byte - b.byte)),
        values: fc.array(value(files), { minLength: 1, maxLength: 2 }),
      },
      { noNullPrototype: true },
    );
  for (const files of [[], ['b.hwdb', 'a.hwdb']])
    fc.assert(
      fc.property(nodes(files, 3), (root) => {
        const used = new Set<string>();
        collectFiles(root, used);
        const database: Hwdb = { toolVersion: 252n, root, files: files.filter((file) => used.has(file)) };
        assert.deepEqual(parseHwdb(encodeHwdb(database)), database);
      }),
    );
});

function collectFiles({ values, children }: HwdbNode, into: Set<string>): void {
  for (const { source } of values) if (source !== undefined) into.add(source.file);
  for (const { node } of children) collectFiles(node, into);
}

test('of a database only what is wanted is read, and no pattern that has nothing else', () => {
  const { root, files } = parseHwdb(encodeHwdb(KEYBOARDS), (property) => property.startsWith(' KEYBOARD_'));
  assert.deepEqual(root.children, KEYBOARDS.root.children.slice(0, 1));
  assert.deepEqual(files, KEYBOARDS.files.slice(1));
  assert.deepEqual(parseHwdb(encodeHwdb(KEYBOARDS), () => false).root, hwdbNode('', {}));
});

test('one pattern is laid out as systemd reads it', () => {
  const bytes = encodeHwdb({
    toolVersion: 252n,
    root: hwdbNode('ab', { 42: hwdbNode('', {}, [' K', 'v', 'f', 7]) }),
    files: ['f'],
  });
  const words = new DataView(bytes.buffer);
  const at = (offset: number) => Number(words.getBigUint64(offset, true));
  // The strings are behind the header, two nodes, a child and a value.
  const strings = 80 + 2 * 24 + 16 + 32;
  assert.equal(Buffer.from(bytes.subarray(strings)).toString('latin1'), 'f\0\0 K\0v\0ab\0');
  assert.deepEqual([16, 24, 32, 40, 48].map(at), [bytes.length, 80, 24, 16, 32]);
  const [leaf, root] = [80, 80 + 24 + 32];
  assert.equal(at(56), root);
  assert.deepEqual([at(leaf), bytes[leaf + 8], at(leaf + 16)], [strings + 2, 0, 1]);
  assert.deepEqual(
    [24, 32, 40].map((offset) => at(leaf + offset)),
    [strings + 3, strings + 6, strings],
  );
  assert.deepEqual([words.getUint32(leaf + 48, true), words.getUint16(leaf + 52, true)], [7, 5]);
  assert.deepEqual([at(root), bytes[root + 8], at(root + 16)], [strings + 8, 1, 0]);
  assert.deepEqual([bytes[root + 24], at(root + 32)], [0x2a, leaf]);
});

test('a node that leads to itself is refused, and so is another signature or size', () => {
  const bytes = encodeHwdb(KEYBOARDS);
  const view = new DataView(bytes.buffer);
  const root = Number(view.getBigUint64(56, true));
  const looped = bytes.slice();
  new DataView(looped.buffer).setBigUint64(root + 24 + 8, BigInt(root), true);
  assert.throws(() => parseHwdb(looped), { code: 'E_FORMAT', message: /absurdly long|more nodes/ });
  assert.throws(() => parseHwdb(bytes.with(0, 0)), { code: 'E_FORMAT', message: /signature/ });
  assert.throws(() => parseHwdb(bytes.with(16, bytes[16]! ^ 1)), { code: 'E_FORMAT', message: /file size/ });
});

test('cut off or damaged, it is refused or read, and never breaks', () => {
  const bytes = encodeHwdb(KEYBOARDS);
  assertSurvivesTruncation(parseHwdb, bytes, bytes.length);
  assertSurvivesDamage(parseHwdb, bytes);
});
