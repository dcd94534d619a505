import assert from 'node:assert/strict';
import { renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { identifySources, requireUnchanged } from '../../src/prepare/source-files.ts';
import { buildTree } from '../support/tree-builder.ts';

const LONG_AGO = new Date(1000);

/** What an update does to a file, or a person. */
const changes: readonly [string, (path: string) => void][] = [
  ['is gone', (path) => rmSync(path)],
  ['is shorter', (path) => truncateSync(path, 1)],
  ['was written again', (path) => utimesSync(path, LONG_AGO, LONG_AGO)],
  [
    'was replaced by a file with the same size',
    (path) => {
      writeFileSync(`${path}.new`, 'kernel');
      utimesSync(`${path}.new`, LONG_AGO, LONG_AGO);
      renameSync(`${path}.new`, path);
    },
  ],
];

for (const [what, change] of changes)
  test(`a file that ${what} since it was identified is named`, () => {
    using tree = buildTree({ 'boot/vmlinuz': 'kernel', 'boot/initrd.img': 'initrd' });
    const paths = ['boot/vmlinuz', 'boot/initrd.img'].map((name) => join(tree.root, name));
    const sources = identifySources(paths);
    requireUnchanged(sources);
    change(paths[0]!);
    assert.throws(() => requireUnchanged(sources), {
      code: 'E_REFUSED',
      message: `${paths[0]} has changed since it was read and checked`,
    });
  });

test('a file that has only another inode or device, as on FAT and btrfs after a remount, is the same', () => {
  using tree = buildTree({ 'boot/vmlinuz': 'kernel' });
  const [source] = identifySources([join(tree.root, 'boot/vmlinuz')]);
  requireUnchanged([{ ...source!, inode: '1', device: '2' }]);
});

test('what cannot be looked at is left to who reads it', () => {
  using tree = buildTree({ 'boot/vmlinuz': 'kernel' });
  const path = join(tree.root, 'boot/vmlinuz');
  assert.deepEqual(
    identifySources([join(tree.root, 'gone'), path]).map((source) => source.path),
    [path],
  );
});
