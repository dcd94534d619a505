import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readExtlinux } from '../../src/kernels/extlinux.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

function read(text: string, files: TreeFiles = {}) {
  using tree = buildTree({ 'boot/extlinux/extlinux.conf': text, ...files });
  return readExtlinux(tree.root, []);
}

test('labels become kernels: initrds of INITRD or of initrd=, titles without the hot-key mark', () => {
  const { drafts } = read(
    [
      'UI menu.c32',
      'DEFAULT two',
      'LABEL one',
      '  MENU LABEL ^One more',
      '  KERNEL /boot/vmlinuz-1',
      '  INITRD /boot/ucode.img,/boot/initrd-1',
      '  APPEND root=/dev/vda1 ro',
      'LABEL two',
      '  LINUX vmlinuz-2',
      '  APPEND initrd=a.img,b.img root=/dev/vda1 quiet',
      '  FDT board.dtb',
    ].join('\n'),
  );
  const [one, two] = drafts;
  assert.equal(one?.title, 'One more');
  assert.deepEqual(one?.initrds, ['/boot/ucode.img', '/boot/initrd-1']);
  assert.equal(one?.commandLine, 'root=/dev/vda1 ro');
  assert.equal(two?.image, '/boot/extlinux/vmlinuz-2');
  assert.deepEqual(two?.initrds, ['/boot/extlinux/a.img', '/boot/extlinux/b.img']);
  assert.equal(two?.commandLine, 'root=/dev/vda1 quiet');
  assert.equal(two?.deviceTree, '/boot/extlinux/board.dtb');
  assert.deepEqual([one?.isDefault, two?.isDefault], [false, true]);
});

test('MENU DEFAULT counts before DEFAULT, and the first label where nothing is said', () => {
  const chosen = (head: string, mark = '') =>
    read(`${head}\nlabel a\nkernel a\nlabel b\n${mark}\nkernel b\n`).drafts.find((draft) => draft.isDefault)
      ?.title;
  assert.equal(chosen('default A', 'menu default'), 'b');
  assert.equal(chosen('default B'), 'b');
  assert.equal(chosen(''), 'a');
  assert.equal(chosen('default menu.c32'), 'a');
});

test('APPEND before the labels is for labels without one; a dash means none', () => {
  const { drafts } = read(
    'append common\nlabel a\nkernel a\nlabel b\nkernel b\nappend -\nlabel c\nkernel c\nappend own\n',
  );
  assert.deepEqual(
    drafts.map((draft) => draft.commandLine),
    ['common', '', 'own'],
  );
});

test('included files are read, and a file that includes itself comes to an end', () => {
  const { drafts, warnings } = read('include more.conf\ninclude gone.conf\n', {
    'boot/extlinux/more.conf': 'label a\nkernel a\ninclude more.conf\n',
  });
  assert.ok(drafts.length >= 1 && drafts.length <= 16);
  assert.ok(warnings.some((warning) => /too deep/.test(warning)));
  assert.ok(warnings.some((warning) => /gone\.conf is included, but does not exist/.test(warning)));
});

test('modules of syslinux are no kernels', () => {
  const { drafts } = read('label hdt\nkernel hdt.c32\nlabel local\nlocalboot 0\n');
  assert.deepEqual(
    drafts.map((draft) => draft.problems),
    [['hdt.c32 is no Linux kernel']],
  );
});

test('a path from the root is one of the partition that holds the configuration', () => {
  const { drafts } = read('label a\nlinux /vmlinuz\n', { 'boot/vmlinuz': 'x' });
  assert.equal(drafts[0]?.image, '/boot/vmlinuz');
});
