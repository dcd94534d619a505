import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMount, readReportPlace } from '../../src/machine/report-place.ts';
import { buildTree, type TreeFiles } from '../support/tree-builder.ts';

const UUID = '11111111-2222-3333-4444-555555555555';

/** A machine with ext4 on vda1 as `/`, and on vdb what `fileSystem` says as /data. */
function machine(files: TreeFiles = {}, fileSystem = 'ext4') {
  const disk = Buffer.alloc(0x1_0000 + 0x100);
  disk.write(UUID.replaceAll('-', ''), 0x1_0000 + 0x20, 'hex');
  disk.write(UUID.replaceAll('-', ''), 1024 + 0x68, 'hex');
  return buildTree({
    'dev/vda': disk,
    'dev/vdb': disk,
    'sys/dev/block/254:0': { link: '../../class/block/vda' },
    'sys/dev/block/254:16': { link: '../../class/block/vdb' },
    'sys/class/block/vda/': '',
    'sys/class/block/vdb/': '',
    'proc/self/mountinfo': [
      '29 1 254:0 / / rw - ext4 /dev/vda rw',
      `30 1 ${fileSystem === 'btrfs' ? '0:33' : '254:16'} ${fileSystem === 'btrfs' ? '/@data' : '/'} /data rw - ${fileSystem} /dev/vdb rw`,
      '',
    ].join('\n'),
    ...files,
  });
}

function placeOf(path: string, files: TreeFiles = {}, fileSystem = 'ext4') {
  using tree = machine(files, fileSystem);
  const place = readReportPlace(tree.root, path);
  return place.state === 'read' ? `${place.value.device} ${place.value.folder}` : `${place.state}`;
}

function reasonOf(path: string, files: TreeFiles, fileSystem = 'ext4'): string {
  using tree = machine(files, fileSystem);
  const place = readReportPlace(tree.root, path);
  return place.state === 'unreadable' ? place.reason : place.state;
}

test('a folder that is not there yet lies where its nearest parent does', () => {
  assert.equal(placeOf('/var/lib/khop/crashes'), '/dev/vda var/lib/khop/crashes');
  assert.equal(placeOf('/data/khop/crashes', { 'data/khop/': '' }), '/dev/vdb khop/crashes');
  assert.equal(placeOf('/data', { 'data/': '' }), '/dev/vdb ');
});

test('a link in the path is followed here, also to another file system, since the panic kernel has nothing there', () => {
  const files = { 'data/khop/': '', 'var/lib/khop': { link: '../../data/khop' } };
  assert.equal(placeOf('/var/lib/khop/crashes', files), '/dev/vdb khop/crashes');
  const within = { 'srv/state/': '', 'var/lib': { link: '../srv/state' } };
  assert.equal(placeOf('/var/lib/khop/crashes', within), '/dev/vda srv/state/khop/crashes');
  const lost = { 'var/lib/khop': { link: '../../gone' } };
  assert.match(reasonOf('/var/lib/khop/crashes', lost), /\/var\/lib\/khop is a link to nowhere/);
  assert.equal(reasonOf('/var/lib/khop/crashes', { 'var/lib/khop': { link: 'khop' } }), 'ELOOP');
});

test('btrfs is reached on one disk, by the folder from the top of all subvolumes, and refused on several', () => {
  const disks = (...names: readonly string[]) => ({
    'data/': '',
    ...Object.fromEntries(names.map((name) => [`sys/fs/btrfs/${UUID}/devices/${name}`, ''])),
  });
  assert.equal(placeOf('/data/crashes', disks('vdb'), 'btrfs'), '/dev/vdb @data/crashes');
  assert.match(reasonOf('/data/crashes', disks('vdb', 'vdc'), 'btrfs'), /several disks: vdb, vdc/);
  assert.match(reasonOf('/data/crashes', disks(), 'btrfs'), /how many disks \/data lies on cannot be read/);
});

test('a file system is found where most of it is mounted, however late a service got a folder of it for itself', () => {
  const mountOf = (...mounts: readonly string[]) => {
    using tree = machine({
      [`dev/disk/by-uuid/${UUID}`]: { link: '../../vdb' },
      'proc/self/mountinfo': mounts.map((mount, index) => `${30 + index} 1 ${mount}\n`).join(''),
    });
    const found = findMount(tree.root, UUID);
    return found.state === 'read' ? found.value : found.state;
  };
  const ext4 = (folder: string, mountPoint: string) => `254:16 ${folder} ${mountPoint} rw - ext4 /dev/vdb rw`;
  const ofService = [
    ext4('/tmp/systemd-private-00ff-khop-guard.service-x/tmp', '/tmp'),
    ext4('/var/tmp/systemd-private-00ff-khop-guard.service-x/tmp', '/var/tmp'),
  ];
  assert.equal(mountOf(ext4('/', '/'), ...ofService), '');
  assert.equal(mountOf(ext4('/', '/dumps'), ext4('/home', '/home'), ext4('/', '/mnt')), '/mnt');
  assert.equal(mountOf(ext4('/srv', '/srv')), '/srv');
  assert.equal(mountOf('254:0 / / rw - ext4 /dev/vda rw'), 'unreadable');
  const btrfs = (folder: string, mountPoint: string) => `0:33 ${folder} ${mountPoint} rw - btrfs /dev/vdb rw`;
  assert.equal(
    mountOf(btrfs('/@', '/'), btrfs('/@home', '/home'), btrfs('/@/var/tmp/x/tmp', '/var/tmp')),
    '',
  );
});
