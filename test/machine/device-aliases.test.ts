import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDeviceAliases } from '../../src/machine/device-aliases.ts';
import { readInitramfsNeeds } from '../../src/machine/initramfs-needs.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

const DISK = 'sys/devices/pci0000:00/0000:00:02.0';
const TREE: TreeFiles = {
  [`${DISK}/modalias`]: 'pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00\n',
  [`${DISK}/uevent`]: 'DRIVER=virtio-pci\nMODALIAS=of:another\n',
  [`${DISK}/driver`]: { link: '../../../bus/pci/drivers/virtio-pci' },
  [`${DISK}/subsystem`]: { link: '../../../bus/pci' },
  [`${DISK}/virtio0/modalias`]: 'virtio:d00000002v00001AF4\n',
  [`${DISK}/virtio0/block/vda/uevent`]: 'MAJOR=254\nMINOR=0\n',
  'sys/bus/pci/drivers/virtio-pci/module': { link: '../../../../module/virtio_pci' },
  'sys/bus/pci/devices/0000:00:02.0': { link: '../../../devices/pci0000:00/0000:00:02.0' },
  'sys/bus/serio/drivers/atkbd/': '',
  'sys/module/virtio_pci/': '',
  'sys/devices/platform/i8042/serio0/uevent': 'SERIO_TYPE=06\nMODALIAS=serio:ty06pr00id00ex00\n',
  'sys/devices/platform/i8042/serio0/driver': { link: '../../../../bus/serio/drivers/atkbd' },
  'sys/devices/platform/empty/modalias': '\n',
  'sys/devices/virtual/dmi/id/modalias': 'dmi:bvnSeaBIOS:bvr1.16\n',
  'sys/devices/virtual/block/dm-0/dm/uuid': 'CRYPT-LUKS2-0123-root\n',
  'sys/class/block/dm-0': { link: '../../devices/virtual/block/dm-0' },
  'sys/class/block/vda': { link: `../../devices/pci0000:00/0000:00:02.0/virtio0/block/vda` },
  'proc/modules': 'ext4 987136 1 - Live 0x0000000000000000\n',
  'proc/self/mountinfo':
    '23 22 254:1 / / rw - ext4 /dev/vda1 rw\n' +
    '24 23 254:2 / /usr ro - squashfs /dev/vda2 ro\n25 23 0:5 / /srv rw - xfs /dev/vdb rw\n',
};

test('devices are found with what their bus calls them and the module of their driver, each once', () => {
  using tree = buildTree(TREE);
  const reading = readDeviceAliases(tree.root);
  assert.ok(reading.state === 'read');
  assert.deepEqual(reading.value, [
    {
      path: '/sys/devices/pci0000:00/0000:00:02.0',
      modalias: 'pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00',
      module: 'virtio_pci',
    },
    {
      path: '/sys/devices/pci0000:00/0000:00:02.0/virtio0',
      modalias: 'virtio:d00000002v00001AF4',
      module: undefined,
    },
    {
      path: '/sys/devices/platform/i8042/serio0',
      modalias: 'serio:ty06pr00id00ex00',
      module: undefined,
    },
    { path: '/sys/devices/virtual/dmi/id', modalias: 'dmi:bvnSeaBIOS:bvr1.16', module: undefined },
  ]);
});

test('a loop of links is not followed', { timeout: 20_000 }, () => {
  using tree = buildTree({ ...TREE, 'sys/devices/platform/loop': { link: '..' } });
  const reading = readDeviceAliases(tree.root);
  assert.ok(reading.state === 'read' && reading.value.length === 4);
});

test('without /sys, the devices are absent; one that cannot be read makes all unreadable', () => {
  using empty = buildTree({ 'proc/modules': '' });
  assert.deepEqual(readDeviceAliases(empty.root), { state: 'absent', source: '/sys/devices' });
  using broken = buildTree({ ...TREE, 'sys/devices/platform/odd/modalias': { link: 'modalias' } });
  assert.deepEqual(readDeviceAliases(broken.root), {
    state: 'unreadable',
    source: '/sys/devices/platform/odd/modalias',
    reason: 'ELOOP',
  });
});

test('the needs of a machine are its devices, modules, file systems and what lies below them', () => {
  using tree = buildTree(TREE);
  const needs = readInitramfsNeeds(tree.root);
  assert.ok(needs.fileSystems.state === 'read' && needs.mappings.state === 'read');
  assert.deepEqual([...needs.fileSystems.value], ['ext4', 'squashfs']);
  assert.deepEqual(needs.mappings.value, ['CRYPT-LUKS2-0123-root']);
  assert.ok(needs.blockDevices.state === 'read' && needs.blockDevices.value.has('dm-0'));
  assert.ok(needs.loadedModules.state === 'read' && needs.loadedModules.value.has('ext4'));
});

test('a root that lies over others brings the types of all mounts', () => {
  const mounts =
    '22 1 0:30 / / rw - overlay overlay rw\n23 22 7:0 / /run/live/rootfs ro - squashfs /dev/loop0 ro\n' +
    '24 22 8:1 / /run/live/medium ro - iso9660 /dev/sr0 ro\n';
  using tree = buildTree({ ...TREE, 'proc/self/mountinfo': mounts });
  const { fileSystems } = readInitramfsNeeds(tree.root);
  assert.ok(fileSystems.state === 'read');
  assert.deepEqual([...fileSystems.value], ['overlay', 'squashfs', 'iso9660']);
});

test('what is mounted being unknown leaves the file systems unknown', () => {
  using tree = buildTree({ ...TREE, 'proc/self/mountinfo': '25 23 0:5 / /srv rw - xfs /dev/vdb rw\n' });
  assert.equal(readInitramfsNeeds(tree.root).fileSystems.state, 'unreadable');
});
