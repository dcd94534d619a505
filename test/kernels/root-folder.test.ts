import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import {
  fileKind,
  hostPathOf,
  listFolder,
  OpenFile,
  readText,
  resolveInRoot,
} from '../../src/kernels/root-folder.ts';
import { buildTree } from '../support/tree-builder.ts';

test('links are followed as the system below the root would follow them', () => {
  using tree = buildTree({
    'boot/real': 'bytes',
    'boot/absolute': { link: '/boot/real' },
    'boot/relative': { link: '../boot/real' },
    'boot/climbing': { link: '../../../../boot/real' },
    'boot/folder': { link: '/usr/boot' },
    'usr/boot': { link: '../boot' },
  });
  for (const name of ['absolute', 'relative', 'climbing', 'folder/real', 'folder/folder/absolute'])
    assert.equal(resolveInRoot(tree.root, `/boot/${name}`), '/boot/real', name);
  assert.equal(readText(tree.root, '/boot/folder/climbing'), 'bytes');
});

test('what does not exist keeps its name and is absent', () => {
  using tree = buildTree({ 'boot/gone': { link: '/nowhere/at/all' } });
  assert.equal(resolveInRoot(tree.root, '/boot/gone'), '/nowhere/at/all');
  assert.equal(fileKind(tree.root, '/boot/gone'), 'absent');
  assert.equal(readText(tree.root, '/boot/gone'), undefined);
  assert.deepEqual(listFolder(tree.root, '/boot/gone'), []);
});

test('links in a circle are an error, not a hang', () => {
  using tree = buildTree({ a: { link: 'b' }, b: { link: 'a' } });
  assert.throws(() => resolveInRoot(tree.root, '/a'), { code: 'E_UNREADABLE', message: /symbolic links/ });
  assert.equal(fileKind(tree.root, '/a'), 'absent');
});

test('no path and no link leads out of the root', () => {
  using tree = buildTree({
    'a/b/up': { link: '../../../../..' },
    'a/root': { link: '/' },
    'a/etc': { link: '/../etc' },
  });
  const step = fc.constantFrom('a', 'b', 'up', 'root', 'etc', '..', '.', '', '../../..');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const host = hostPathOf(tree.root, steps.join('/'));
      assert.ok(host === tree.root || host.startsWith(`${tree.root}/`) || host === `${tree.root}/`, host);
    }),
  );
});

test('a fifo is refused at once, and a folder is no file', () => {
  using tree = buildTree({ 'boot/': '' });
  execFileSync('mkfifo', [join(tree.root, 'boot/fifo')]);
  assert.throws(() => OpenFile.open(tree.root, '/boot/fifo'), {
    code: 'E_UNREADABLE',
    message: /not a regular file/,
  });
  assert.throws(() => OpenFile.open(tree.root, '/boot'), { code: 'E_UNREADABLE', message: /a folder/ });
  assert.throws(() => OpenFile.open(tree.root, '/none'), { code: 'E_NOT_FOUND' });
});

test('reads stop at the end of the file', () => {
  using tree = buildTree({ file: 'abcdef' });
  using file = OpenFile.open(tree.root, '/file');
  assert.equal(Buffer.from(file.read(2, 3)).toString(), 'cde');
  assert.equal(Buffer.from(file.read(4, 100)).toString(), 'ef');
  assert.equal(file.read(100, 4).length, 0);
});

test('a name that is too long for the file system is an error of ours', () => {
  using tree = buildTree({ file: '' });
  assert.throws(
    () => readFar(tree.root),
    (error) => error instanceof KhopError || error === undefined,
  );
});

function readFar(root: string): void {
  OpenFile.open(root, `/${'x'.repeat(5000)}`);
}
