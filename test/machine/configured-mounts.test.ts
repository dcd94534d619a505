import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfiguredMounts } from '../../src/machine/configured-mounts.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { buildTree, readRecordedTree } from '../support/tree-builder.ts';

const FSTAB = [
  '# comment / mount',
  'UUID=1111 / ext4 errors=remount-ro 0 1',
  '/dev/vdb /srv/my\\040data/ xfs defaults 0 0',
  'nas:/export /home nfs4 _netdev 0 0',
  '/dev/vdc /mnt/backup ext4 noauto 0 0',
  'UUID=9999 /late ext4 x-systemd.automount 0 0',
  'UUID=8888 none swap sw 0 0',
];
const MOUNTS = [
  '1 0 0:2 / / rw - rootfs rootfs rw',
  '22 1 254:1 / / ro,relatime - ext4 /dev/vda1 rw,emergency_ro',
  '23 22 254:16 / /srv/my\\040data rw - xfs /dev/vdb rw',
  '24 22 0:50 / /home rw - nfs4 nas:/export rw',
  '25 22 254:32 / /mnt/backup rw - ext4 /dev/vdc rw',
  '26 22 0:60 / /proc rw - proc proc rw',
  '27 22 254:48 / /mnt/stick rw - vfat /dev/vdd rw',
];

test('only what the system mounts by itself counts, with what tells it from another file system', () => {
  using tree = buildTree({
    'etc/fstab': FSTAB.join('\n'),
    'proc/self/mountinfo': MOUNTS.join('\n'),
    'sys/dev/block/254:1': { link: '../../devices/vda/vda1' },
    'sys/dev/block/254:16': { link: '../../devices/vdb' },
    'dev/disk/by-uuid/1111': { link: '../../vda1' },
  });
  assert.deepEqual(valueOf(readConfiguredMounts(tree.root)), [
    { mountPoint: '/', fileSystem: 'ext4', identity: 'UUID=1111', isWritable: false, hasFailed: true },
    { mountPoint: '/home', fileSystem: 'nfs4', identity: 'nas:/export', isWritable: true, hasFailed: false },
    { mountPoint: '/srv/my data', fileSystem: 'xfs', identity: null, isWritable: true, hasFailed: false },
  ]);
});

test('a machine without fstab has its root, and one whose fstab cannot be read is not known', () => {
  using bare = buildTree({ 'proc/self/mountinfo': MOUNTS.join('\n') });
  assert.deepEqual(
    valueOf(readConfiguredMounts(bare.root))?.map(({ mountPoint }) => mountPoint),
    ['/'],
  );
  using broken = buildTree({ 'etc/fstab/': '', 'proc/self/mountinfo': MOUNTS.join('\n') });
  assert.equal(readConfiguredMounts(broken.root).state, 'unreadable');
  using blind = buildTree({ 'etc/fstab': FSTAB.join('\n') });
  assert.equal(readConfiguredMounts(blind.root).state, 'absent');
});

test('the file systems of a recorded machine are found', () => {
  const path = join(import.meta.dirname, '../fixtures/machines/q35-virtio.json');
  using tree = buildTree(readRecordedTree(path));
  const mounts = valueOf(readConfiguredMounts(tree.root)) ?? [];
  assert.deepEqual(
    mounts.map(({ mountPoint, fileSystem, isWritable }) => [mountPoint, fileSystem, isWritable]),
    [
      ['/', 'ext4', true],
      ['/boot/efi', 'vfat', true],
      ['/tool', 'ext4', false],
    ],
  );
});
