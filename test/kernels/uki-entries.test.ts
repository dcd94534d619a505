import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readImageHeader } from '../../src/kernels/image-header.ts';
import { parseOsRelease, readUkiEntries } from '../../src/kernels/uki-entries.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { outcomeOf } from '../support/hostile-bytes.ts';
import { buildPe } from '../support/pe-builder.ts';
import { buildTree } from '../support/tree-builder.ts';

function buildUki(release: string, osRelease: string): Uint8Array {
  return buildPe({
    '.linux': imageOf(release),
    '.initrd': new Uint8Array(200_000).fill(7),
    '.osrel': Buffer.from(osRelease),
    '.uname': Buffer.from(`${release}\0\0`),
    '.cmdline': Buffer.from('root=LABEL=root quiet\0'),
  });
}

test('os-release values are unquoted as a shell would', () => {
  const values = parseOsRelease(`A=1\n# B=2\nC="x \\"y\\" \\$z"\nD='a b'\n bad\nE=\n`);
  assert.deepEqual(
    [...values],
    [
      ['A', '1'],
      ['C', 'x "y" $z'],
      ['D', 'a b'],
      ['E', ''],
    ],
  );
});

test('an entry has the names of its os-release, and its addons add to the command line', () => {
  const addon = (text: string) => buildPe({ '.cmdline': Buffer.from(text) });
  using tree = buildTree({
    'efi/EFI/Linux/img.efi': buildUki('6.12.1', 'IMAGE_ID=board\nIMAGE_VERSION=42\nPRETTY_NAME=Board\n'),
    'efi/EFI/Linux/img.efi.extra.d/console.addon.efi': addon('console=ttyS0'),
    'efi/EFI/Linux/img.efi.extra.d/ignored.efi': addon('never'),
    'efi/loader/addons/all.addon.efi': addon('debug\n'),
  });
  const { entries, warnings } = readUkiEntries({ root: tree.root, fileSystems: [], variables: undefined });
  assert.deepEqual(warnings, []);
  const [entry] = entries;
  assert.deepEqual([entry?.id, entry?.sortKey, entry?.version], ['img.efi', 'board', '42']);
  assert.deepEqual([entry?.draft.title, entry?.draft.version], ['Board', '6.12.1']);
  assert.equal(entry?.draft.commandLine, 'root=LABEL=root quiet console=ttyS0 debug');
  assert.deepEqual(entry?.draft.problems, []);
});

test('the head of an image says what it is without its bulk being read', () => {
  using tree = buildTree({ 'a.efi': buildUki('6.12.1', 'ID=x\n'), b: imageOf('6.1.0') });
  const uki = readImageHeader(tree.root, '/a.efi');
  assert.deepEqual([uki.kind, uki.architecture, uki.release], ['uki', 'x86-64', '6.12.1']);
  assert.equal(uki.version, '#1 SMP', 'that of the kernel inside');
  assert.equal(uki.uki?.initrd?.at(-1), 0, 'the end of the initrd stays on the disk');
  const image = readImageHeader(tree.root, '/b');
  assert.deepEqual([image.kind, image.architecture, image.release], ['bzimage', 'x86-64', '6.1.0']);
  assert.equal(image.version, '#1 SMP');
});

test('a damaged image is described as far as it goes, and never breaks the list', () => {
  const good = buildUki('6.12.1', 'ID=x\n');
  for (let length = 0; length < 2048; length += 13) {
    using tree = buildTree({ 'efi/EFI/Linux/a.efi': good.slice(0, length) });
    outcomeOf(() => readUkiEntries({ root: tree.root, fileSystems: [], variables: undefined }), good);
    assert.notEqual(readImageHeader(tree.root, '/efi/EFI/Linux/a.efi').kind, 'uki', `${length} bytes`);
  }
});
