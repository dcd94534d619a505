import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchInitrds, nameOfImage, readBootPairs } from '../../src/kernels/boot-pairs.ts';
import { parseShellAssignments, readDefaultCommandLine } from '../../src/kernels/default-command-line.ts';
import { parseFstab } from '../../src/kernels/file-systems.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

test('images are told by their names, copies and debug twins left out', () => {
  const names = [
    'vmlinuz-6.1.0',
    'vmlinux-6.1',
    'Image-6.6',
    'kernel-6.6-gentoo',
    'bzImage',
    'vmlinuz-linux-lts',
  ];
  assert.deepEqual(names.map(nameOfImage), ['6.1.0', '6.1', '6.6', '6.6-gentoo', '', 'linux-lts']);
  for (const name of [
    'vmlinuz-6.1.old',
    'vmlinux-6.1.gz',
    '.vmlinuz-6.1.hmac',
    'vmlinuz-6.1~',
    'System.map-6.1',
    'config-6.1',
  ])
    assert.equal(nameOfImage(name), undefined, name);
});

test('initrds are matched as distributions name them, microcode first', () => {
  const files = [
    'initrd.img-1',
    'initramfs-2.img',
    'initrd-3',
    'initramfs-4',
    'intel-ucode.img',
    'initrd.gz',
  ];
  assert.deepEqual(matchInitrds('1', files), ['intel-ucode.img', 'initrd.img-1']);
  assert.deepEqual(matchInitrds('2', files), ['intel-ucode.img', 'initramfs-2.img']);
  assert.deepEqual(matchInitrds('3', files), ['intel-ucode.img', 'initrd-3']);
  assert.deepEqual(matchInitrds('4', files), ['intel-ucode.img', 'initramfs-4']);
  assert.deepEqual(matchInitrds('', files), ['intel-ucode.img', 'initrd.gz']);
  assert.deepEqual(matchInitrds('5', files), []);
});

const FSTAB = 'UUID=1 / btrfs subvol=@\n';

function defaultCommandLine(files: TreeFiles): string | undefined {
  using tree = buildTree(files);
  return readDefaultCommandLine(tree.root, parseFstab(FSTAB));
}

test("kernel-install's command line counts before GRUB's defaults, and these before the running one", () => {
  const grub = { 'etc/default/grub': 'GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX_DEFAULT=quiet\n' };
  assert.equal(
    defaultCommandLine({ ...grub, 'etc/kernel/cmdline': 'root=UUID=2\n  ro\n' }),
    'root=UUID=2 ro',
  );
  assert.equal(defaultCommandLine(grub), 'root=UUID=1 ro rootflags=subvol=@ a=1 quiet');
  assert.equal(defaultCommandLine({}), undefined);
  using tree = buildTree({ 'boot/vmlinuz-6.1': 'x' });
  const { drafts } = readBootPairs(tree.root, [], 'BOOT_IMAGE=/v root=/dev/x  quiet');
  assert.equal(drafts[0]?.commandLine, 'root=/dev/x  quiet');
});

test('settings in grub.d add to those before them', () => {
  const line = defaultCommandLine({
    'etc/default/grub': 'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n',
    'etc/default/grub.d/50-cloud.cfg':
      'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT console=ttyS0"\n',
  });
  assert.equal(line, 'root=UUID=1 ro rootflags=subvol=@ quiet splash console=ttyS0');
});

test('shell assignments are read with their quotes, and nothing is executed', () => {
  const values = new Map<string, string>();
  const lines = [
    'A=\'x $y "z"\'',
    'B="a\\"b\\$c"',
    'export C=plain # comment',
    'D=`touch /tmp/never`',
    'E="$(touch /tmp/never)"',
    '  F="one"\'two\'three',
    '#G=no',
    `H="\${F}!$NOTHING"`,
  ];
  parseShellAssignments(lines.join('\n'), values);
  assert.deepEqual(
    [...values],
    [
      ['A', 'x $y "z"'],
      ['B', 'a"b$c'],
      ['C', 'plain'],
      ['F', 'onetwothree'],
      ['H', 'onetwothree!'],
    ],
  );
});

test('a value that doubles itself in each line stays bounded', () => {
  const values = new Map<string, string>();
  parseShellAssignments(`A=xxxxxxxx\n${'A=$A$A\n'.repeat(200)}`, values);
  assert.ok((values.get('A')?.length ?? 0) <= 64 * 1024);
});
