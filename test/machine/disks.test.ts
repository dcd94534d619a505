import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDisks } from '../../src/machine/disks.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { buildTree, prefix } from '../support/tree-builder.ts';

test('disks are known by whatever ids their drivers give, and others are left out', () => {
  using tree = buildTree({
    ...prefix('sys/block/sda', {
      size: '7814037168\n',
      removable: '0\n',
      'device/wwid': 'naa.5000c500a1b2c3d4\n',
      'device/model': 'ST4000NM0035    \n',
      'device/vpd_pg80': Buffer.from('\0\x80\0\x0a  ZC1ABCDE', 'latin1'),
    }),
    ...prefix('sys/block/nvme0n1', {
      size: '2048\n',
      wwid: 'eui.0025385b71b0e1f2\n',
      'device/serial': 'S4EWNX0  \n',
      'device/model': 'Samsung\n',
    }),
    ...prefix('sys/block/vda', { size: '4096\n', serial: '\n', 'device/vpd_pg80': '\0' }),
    ...prefix('sys/block/sdb', { size: '4096\n', removable: '1\n', 'device/model': 'Stick\n' }),
    ...prefix('sys/block/sdc', { size: '0\n', 'device/model': 'Empty reader\n' }),
    ...prefix('sys/block/dm-0', { size: '4096\n', 'dm/uuid': 'LVM-x\n' }),
    ...prefix('sys/block/loop0', { size: '4096\n' }),
  });
  assert.deepEqual(valueOf(readDisks(tree.root)), [
    {
      name: 'nvme0n1',
      ids: ['eui.0025385b71b0e1f2', 'S4EWNX0'],
      model: 'Samsung',
      bytes: 2048 * 512,
    },
    {
      name: 'sda',
      ids: ['naa.5000c500a1b2c3d4', 'ZC1ABCDE'],
      model: 'ST4000NM0035',
      bytes: 7_814_037_168 * 512,
    },
    { name: 'vda', ids: [], model: null, bytes: 4096 * 512 },
  ]);
});
