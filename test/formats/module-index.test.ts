import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ModuleIndexEntry, parseModuleIndex } from '../../src/formats/module-index.ts';
import { encodeModuleIndex } from '../../src/formats/module-index-writer.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const ALIASES: readonly ModuleIndexEntry[] = [
  { key: 'pci:v00001AF4d00001001sv*sd*bc*sc*i*', value: 'virtio_pci', priority: 4 },
  { key: 'pci:v00001AF4d*sv*sd*bc*sc*i*', value: 'virtio_pci', priority: 4 },
  { key: 'fs_ext2', value: 'ext2', priority: 2 },
  { key: 'fs_ext2', value: 'ext4', priority: 3 },
  { key: 'fs_ext', value: 'ext4', priority: 3 },
  { key: 'crc32c', value: 'crc32c_generic', priority: 1 },
];

/** The same order as the reader's: by key, then by priority. */
function sorted(entries: readonly ModuleIndexEntry[]): ModuleIndexEntry[] {
  return entries.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.priority - b.priority));
}

test('what is encoded is what is read, several values of one key by priority', () => {
  assert.deepEqual(parseModuleIndex(encodeModuleIndex(ALIASES)), sorted(ALIASES));
});

test('any entries come back', () => {
  const entry = fc.record(
    {
      key: fc.stringMatching(/^[ab:*_-]{0,6}$/),
      value: fc.stringMatching(/^[a-z/ .:]{0,12}$/),
      priority: fc.nat(0xffffffff),
    },
    { noNullPrototype: true },
  );
  const entries = fc.uniqueArray(entry, { selector: ({ key, priority }) => `${key} ${priority}` });
  fc.assert(
    fc.property(entries, (all) => {
      assert.deepEqual(parseModuleIndex(encodeModuleIndex(all)), sorted(all));
    }),
  );
});

test('two keys under one node are laid out as kmod reads them', () => {
  const bytes = encodeModuleIndex([
    { key: 'ab', value: 'x', priority: 1 },
    { key: 'ad', value: 'y', priority: 2 },
  ]);
  const leaf = (priority: number, text: string) => [0, 0, 0, 1, 0, 0, 0, priority, text.charCodeAt(0), 0];
  assert.deepEqual(
    [...bytes],
    [
      ...[0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0xa0, 0, 0, 32],
      ...leaf(1, 'x'),
      ...leaf(2, 'y'),
      ...[0x61, 0, 0x62, 0x64, 0x40, 0, 0, 12, 0, 0, 0, 0, 0x40, 0, 0, 22],
    ],
  );
});

test('a node that is reached twice is refused: it could lead to itself', () => {
  const bytes = Buffer.from(encodeModuleIndex(ALIASES));
  const root = bytes.readUInt32BE(8) & 0x0fffffff;
  // The root has no prefix: its first child is behind `first` and `last`.
  bytes.writeUInt32BE(bytes.readUInt32BE(8), root + 2);
  assert.throws(() => parseModuleIndex(bytes), { code: 'E_FORMAT', message: /reached twice/ });
});

test('another magic or version is refused, and what cannot be written', () => {
  const bytes = encodeModuleIndex([]);
  assert.deepEqual(parseModuleIndex(bytes), []);
  assert.throws(() => parseModuleIndex(bytes.with(3, 0)), { message: /magic/ });
  assert.throws(() => parseModuleIndex(bytes.with(5, 3)), { message: /version/ });
  assert.throws(() => encodeModuleIndex([{ key: 'a\0', value: '', priority: 0 }]), { code: 'E_FORMAT' });
});

test('cut off or damaged, it is refused or read, and never breaks', () => {
  const bytes = encodeModuleIndex(ALIASES);
  assertSurvivesTruncation(parseModuleIndex, bytes, 12);
  assertSurvivesDamage(parseModuleIndex, bytes);
});
