import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InitramfsNeeds } from '../../src/machine/initramfs-needs.ts';
import { type InitramfsWish, variantOf } from '../../src/prepare/prepare-initramfs.ts';
import { virtioNeeds } from '../support/initramfs-builder.ts';
import { read, unreadable } from '../support/machine-facts.ts';

function variant(over: Partial<InitramfsWish> = {}): string {
  return variantOf({
    release: '6.1.0-test',
    commandLine: 'root=/dev/vda1 quiet khop.switch=0123456789abcdef',
    runningCommandLine: read('root=/dev/vda1'),
    needs: virtioNeeds(),
    untrimmedBecause: 'nobody asked',
    packing: 'none',
    ...over,
  });
}

function withNeeds(over: Partial<InitramfsNeeds>): string {
  return variant({ needs: virtioNeeds(over) });
}

const modules = (...names: string[]) => read(new Set(names));

test('what decides nothing makes no other variant: order, loop devices, another switch’s token', () => {
  assert.equal(withNeeds({ loadedModules: modules('virtio_pci', 'ext4', 'virtio_blk') }), variant());
  assert.equal(
    withNeeds({ blockDevices: read(new Set(['loop0', 'vda1', 'ram3', 'vda', 'zram0'])) }),
    variant(),
  );
  assert.equal(variant({ commandLine: 'root=/dev/vda1 quiet khop.switch=fedcba9876543210' }), variant());
  assert.equal(variant({ untrimmedBecause: 'another reason' }), variant());
  const [one, other] = [
    ['LVM-a', 'LVM-b'],
    ['LVM-b', 'LVM-a'],
  ].map((uuids) => withNeeds({ mappings: read(uuids) }));
  assert.equal(one, other);
});

const decisive: readonly [string, string][] = [
  [
    'a module that is loaded',
    withNeeds({ loadedModules: modules('ext4', 'virtio_blk', 'virtio_pci', 'dm_mod') }),
  ],
  ['modules that cannot be read', withNeeds({ loadedModules: unreadable() })],
  ['a device', withNeeds({ devices: read([]) })],
  ['a block device', withNeeds({ blockDevices: read(new Set(['vda', 'vda1', 'md0'])) })],
  ['a file system', withNeeds({ fileSystems: modules('ext4', 'overlay') })],
  ['a mapping', withNeeds({ mappings: read(['CRYPT-LUKS2-1']) })],
  ['another root', variant({ commandLine: 'root=/dev/vdb1' })],
  ['a running root that cannot be read', variant({ runningCommandLine: unreadable('/proc/cmdline') })],
  ['a module that the command line names', variant({ commandLine: 'root=/dev/vda1 rd.driver.pre=nvme' })],
  ['the release, whose modules are kept', variant({ release: undefined })],
  ['the packing', variant({ packing: 'lz4' })],
  ['that it stays complete', variant({ needs: undefined })],
];

test('whatever decides what comes out makes a variant of its own', () => {
  const all = [variant(), ...decisive.map(([, each]) => each)];
  for (const [what, each] of decisive)
    assert.equal(all.filter((other) => other === each).length, 1, `${what} is no variant of its own`);
});

test('a complete initramfs is the same whatever the machine has', () => {
  const complete = variant({ needs: undefined });
  assert.equal(variant({ needs: undefined, commandLine: 'root=/dev/sda', release: undefined }), complete);
});

test('asking for the variant changes nothing of the wish', () => {
  const mappings = Object.freeze(['LVM-b', 'LVM-a']);
  withNeeds({ mappings: read(mappings) });
  assert.deepEqual(mappings, ['LVM-b', 'LVM-a']);
});
