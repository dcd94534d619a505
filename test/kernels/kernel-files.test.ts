import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCatalogue } from '../../src/kernels/catalogue.ts';
import { readKernelFiles, readNamedFile } from '../../src/kernels/kernel-files.ts';
import { readModuleNames } from '../../src/kernels/module-names.ts';
import { imageOf } from '../support/fixture-tree.ts';
import { buildTree } from '../support/tree-builder.ts';

test("a kernel's files are read whole, with the paths that hold exactly these bytes", () => {
  const image = imageOf('6.1.0');
  using tree = buildTree({
    'vmlinuz-real': image,
    'boot/vmlinuz-6.1.0': { link: '/vmlinuz-real' },
    'boot/initrd.img-6.1.0': 'initrd',
    'boot/config-6.1.0': 'CONFIG_KEXEC=y\n',
  });
  const [kernel] = readCatalogue({ root: tree.root, running: undefined }).kernels;
  const files = readKernelFiles(kernel!);
  assert.deepEqual(files.image.bytes, image);
  assert.equal(files.image.path, join(tree.root, 'vmlinuz-real'));
  assert.equal(Buffer.from(files.initrds[0]!.bytes).toString(), 'initrd');
  assert.equal(files.config, 'CONFIG_KEXEC=y\n');
  assert.equal(files.deviceTree, undefined);
});

test('what cannot be read says which file, and why', () => {
  using tree = buildTree({ 'folder/': '', empty: '', huge: 'x' });
  truncateSync(join(tree.root, 'huge'), 5 * 1024 ** 3);
  const read = (name: string) => () => readNamedFile(join(tree.root, name));
  assert.throws(read('gone'), { code: 'E_NOT_FOUND', message: /gone does not exist/ });
  assert.throws(read('folder'), { code: 'E_FORMAT', message: /folder is a folder/ });
  assert.throws(read('empty'), { code: 'E_FORMAT', message: /empty is empty/ });
  assert.throws(read('huge'), { code: 'E_FORMAT', message: /too large/ });
});

test('module names are those of modules.dep and modules.builtin, dashes as underscores', () => {
  using tree = buildTree({
    'm/modules.dep': 'kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz\nkernel/snd-hda.ko:\n',
    'm/modules.builtin': 'kernel/drivers/virtio/virtio-pci.ko\n',
    'none/': '',
  });
  assert.deepEqual(readModuleNames(join(tree.root, 'm')), new Set(['ext4', 'snd_hda', 'virtio_pci']));
  assert.equal(readModuleNames(join(tree.root, 'none')), undefined);
});
