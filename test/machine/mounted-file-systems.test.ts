import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMountedFileSystems } from '../../src/machine/mounted-file-systems.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { buildTree } from '../support/tree-builder.ts';

test('a mounted file system has every name that udev knows of its device', () => {
  using tree = buildTree({
    'proc/self/mountinfo': [
      '21 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw',
      '22 21 0:40 / /proc rw - proc proc rw',
      '23 21 8:1 / /boot rw - ext4 /dev/sda1 rw',
      '24 21 0:41 /@home /home rw - btrfs /dev/sdb1 rw,subvol=/@home',
      '25 21 8:1 /grub /srv/grub rw - ext4 /dev/sda1 rw',
    ].join('\n'),
    'sys/dev/block/254:0': { link: '../../devices/virtual/block/dm-0' },
    'sys/dev/block/8:1': { link: '../../devices/pci/block/sda/sda1' },
    'dev/mapper/vg-root': { link: '../dm-0' },
    'dev/disk/by-uuid/aa': { link: '../../dm-0' },
    'dev/disk/by-uuid/bb': { link: '../../sda1' },
    'dev/disk/by-label/my\\x20boot': { link: '../../sda1' },
    'dev/disk/by-partuuid/cc': { link: '../../sda1' },
  });
  assert.deepEqual(valueOf(readMountedFileSystems(tree.root)), [
    { mountPoint: '/', names: ['UUID=aa', '/dev/mapper/vg-root', '/dev/dm-0'], subvolume: undefined },
    {
      mountPoint: '/boot',
      names: ['UUID=bb', 'LABEL=my boot', 'PARTUUID=cc', '/dev/sda1'],
      subvolume: undefined,
    },
    { mountPoint: '/home', names: ['/dev/sdb1'], subvolume: '/@home' },
  ]);
});

test('without a table of mounts nothing is known', () => {
  using tree = buildTree({ 'etc/': '' });
  assert.equal(readMountedFileSystems(tree.root).state, 'absent');
});
