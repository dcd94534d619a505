import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalDevice, isSameRoot, lookUpDevice } from '../../../src/plan/preflight/device-names.ts';
import { absent, healthyMachine, read, unreadable } from '../../support/machine-facts.ts';

const machine = healthyMachine({
  diskNames: read(new Set(['UUID=ABCD-1234', 'LABEL=Root', 'PARTUUID=deadbeef-01']), '/dev/disk'),
  mounts: read([{ mountPoint: '/', fileSystem: 'ext4', source: '/dev/mapper/vg--0-root', options: [] }]),
});

describe('a device that the command line names', () => {
  test('is found by tag, by link and by name', () => {
    for (const name of [
      'UUID=abcd-1234',
      'UUID="ABCD-1234"',
      '/dev/disk/by-uuid/ABCD-1234',
      'LABEL=Root',
      'PARTUUID=DEADBEEF-01',
      'PARTUUID=deadbeef-01/PARTNROFF=1',
      '/dev/vda1',
      '/dev/mapper/vg--0-root',
      '/dev/vg-0/root',
    ])
      assert.equal(lookUpDevice(machine, name).state, 'found', name);
  });

  test('is missing when nothing has the name', () => {
    for (const name of ['UUID=0', 'LABEL=root', 'PARTUUID=deadbeef-02', '/dev/sda1'])
      assert.equal(lookUpDevice(machine, name).state, 'missing', name);
  });

  test('stays unknown where only an initrd can tell', () => {
    for (const name of [
      '/dev/mapper/other',
      '/dev/vg1/root',
      '/dev/nfs',
      'ZFS=rpool/ROOT',
      'live:CDLABEL=x',
      '254:1',
    ])
      assert.equal(lookUpDevice(machine, name).state, 'unknown', name);
  });

  test('stays unknown where the machine cannot be read, with the source as evidence', () => {
    const blind = healthyMachine({
      diskNames: unreadable('/dev/disk'),
      blockDevices: absent('/sys/class/block'),
    });
    assert.deepEqual(lookUpDevice(blind, 'UUID=x'), {
      state: 'unknown',
      evidence: '/dev/disk: unreadable (EACCES)',
    });
    assert.deepEqual(lookUpDevice(blind, '/dev/vda1'), {
      state: 'unknown',
      evidence: '/sys/class/block: absent',
    });
  });

  test('of LVM is one device under both of its names', () => {
    assert.equal(canonicalDevice('/dev/my-vg/my-lv'), '/dev/mapper/my--vg-my--lv');
    assert.equal(canonicalDevice('/dev/mapper/a-b'), '/dev/mapper/a-b');
    assert.equal(canonicalDevice('/dev/md/0'), '/dev/md/0');
    assert.equal(canonicalDevice('/dev/vda1'), '/dev/vda1');
  });
});

describe('the root of two command lines', () => {
  const disk = new Set(['ext4']);

  test('is the same when both name the same device, whatever is mounted', () => {
    assert.equal(isSameRoot('ro root=/dev/my-vg/root', 'root=/dev/mapper/my--vg-root', undefined), true);
    assert.equal(isSameRoot('root=/dev/vda1', 'root=/dev/vda2', disk), false);
    assert.equal(isSameRoot('root=/dev/vda1', 'quiet', disk), false);
    assert.equal(isSameRoot('quiet', 'root=/dev/vda1', disk), false);
  });

  test('that neither names is the same when the running one is a disk’s', () => {
    assert.equal(isSameRoot('quiet', 'splash', disk), true);
    for (const type of ['rootfs', 'tmpfs', 'overlay', 'squashfs', 'nfs4'])
      assert.equal(isSameRoot('quiet', 'quiet', new Set([type])), false, type);
  });

  test('is not the same as one that cannot be read', () => {
    assert.equal(isSameRoot(undefined, 'quiet', disk), false);
    assert.equal(isSameRoot('quiet', 'quiet', undefined), false);
  });
});
