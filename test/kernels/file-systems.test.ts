import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locateAnywhere, locateByName, mountPointOf, parseFstab } from '../../src/kernels/file-systems.ts';
import { buildTree } from '../support/tree-builder.ts';

test('fstab gives names, mount points and subvolumes', () => {
  const text = [
    '# comment',
    'UUID=AB /       btrfs subvol=@,compress=zstd 0 0',
    'LABEL="BOOT" /boot ext4 defaults',
    '/dev/disk/by-partuuid/77 /data\\040disk/ xfs defaults 0 0',
    'swap none swap sw 0 0',
    'UUID=only',
  ];
  assert.deepEqual(parseFstab(text.join('\n')), [
    { mountPoint: '/', names: ['UUID=AB'], subvolume: '/@' },
    { mountPoint: '/boot', names: ['LABEL=BOOT'], subvolume: undefined },
    { mountPoint: '/data disk', names: ['PARTUUID=77', '/dev/disk/by-partuuid/77'], subvolume: undefined },
  ]);
});

const SEPARATE = parseFstab('UUID=aa / ext4\nUUID=bb /boot ext4\nUUID=cc /boot/efi vfat');

test('a device that fstab names is found at its mount point only', () => {
  using tree = buildTree({ 'boot/vmlinuz': 'x', vmlinuz: 'y' });
  assert.deepEqual(locateByName(tree.root, SEPARATE, 'UUID=bb', '/vmlinuz'), {
    state: 'found',
    path: '/boot/vmlinuz',
  });
  assert.deepEqual(locateByName(tree.root, SEPARATE, 'UUID=AA', '/vmlinuz'), {
    state: 'found',
    path: '/vmlinuz',
  });
  assert.deepEqual(locateByName(tree.root, SEPARATE, 'UUID=cc', '/x'), {
    state: 'missing',
    path: '/boot/efi/x',
  });
});

test('a device that is not among those that fstab names is out of reach', () => {
  using tree = buildTree({ 'boot/vmlinuz': 'x' });
  const location = locateByName(tree.root, SEPARATE, 'UUID=zz', '/vmlinuz');
  assert.equal(location.state, 'unreachable');
});

test('where fstab names no devices of that kind, the usual places count', () => {
  using tree = buildTree({ 'boot/vmlinuz': 'x' });
  const named = parseFstab('/dev/sda1 / ext4');
  assert.deepEqual(locateByName(tree.root, named, 'UUID=zz', '/vmlinuz'), {
    state: 'found',
    path: '/boot/vmlinuz',
  });
  assert.deepEqual(locateByName(tree.root, [], 'UUID=zz', '/boot/vmlinuz'), {
    state: 'found',
    path: '/boot/vmlinuz',
  });
});

test('subvolumes are taken off paths: of btrfs by fstab or by habit, of ZFS by its @', () => {
  using tree = buildTree({ 'boot/vmlinuz': 'x', '.snapshots/1/snapshot/boot/vmlinuz': 'old' });
  const btrfs = parseFstab('UUID=aa / btrfs subvol=/@root\nUUID=aa /.snapshots btrfs subvol=/@/.snapshots');
  const found = (path: string) => locateByName(tree.root, btrfs, 'UUID=aa', path);
  assert.deepEqual(found('/@root/boot/vmlinuz'), { state: 'found', path: '/boot/vmlinuz' });
  assert.deepEqual(found('/boot/vmlinuz'), { state: 'found', path: '/boot/vmlinuz' });
  assert.deepEqual(found('/@/.snapshots/1/snapshot/boot/vmlinuz'), {
    state: 'found',
    path: '/.snapshots/1/snapshot/boot/vmlinuz',
  });
  for (const path of ['/@/boot/vmlinuz', '/root/boot/vmlinuz', '/BOOT/ubuntu_x1@/vmlinuz'])
    assert.deepEqual(locateAnywhere(tree.root, [], path), { state: 'found', path: '/boot/vmlinuz' }, path);
});

test('a path belongs to the longest mount point before it', () => {
  assert.equal(mountPointOf(SEPARATE, '/boot/efi/EFI/x'), '/boot/efi');
  assert.equal(mountPointOf(SEPARATE, '/bootstrap'), '/');
  assert.equal(mountPointOf([], '/boot/x'), '/');
});
