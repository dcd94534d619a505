import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InitramfsNeeds } from '../../src/machine/initramfs-needs.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { exactPurpose, variantOf } from '../../src/prepare/initramfs-purpose.ts';
import type { InitramfsWish } from '../../src/prepare/prepare-initramfs.ts';
import { virtioNeeds } from '../support/initramfs-builder.ts';
import { read, unreadable } from '../support/machine-facts.ts';

function wish(over: Partial<InitramfsWish> = {}): InitramfsWish {
  return {
    release: '6.1.0-test',
    commandLine: 'root=/dev/vda1 quiet khop.switch=0123456789abcdef',
    runningCommandLine: read('root=/dev/vda1'),
    needs: virtioNeeds(),
    untrimmedBecause: 'nobody asked',
    packing: 'none',
    ...over,
  };
}

/** The variant, and all that the content's key says of the purpose. */
function purpose(over: Partial<InitramfsWish> = {}): { readonly variant: string; readonly exact: string } {
  const made = wish(over);
  const variant = variantOf(made);
  return { variant, exact: exactPurpose({ variant, needs: made.needs }) };
}

function withNeeds(over: Partial<InitramfsNeeds>) {
  return purpose({ needs: virtioNeeds(over) });
}

const names = (...all: string[]) => read(new Set(all));
const USUAL = purpose();

test('what decides nothing makes no other purpose: order, kinds of disks, another switch’s token', () => {
  for (const same of [
    withNeeds({ loadedModules: names('virtio_pci', 'ext4', 'virtio_blk') }),
    withNeeds({ blockDevices: names('loop0', 'vda1', 'ram3', 'sdb', 'vda', 'zram0') }),
    withNeeds({ mappings: read(['LVM-a']) }),
    purpose({ commandLine: 'root=/dev/vda1 quiet khop.switch=fedcba9876543210' }),
    purpose({ untrimmedBecause: 'another reason' }),
  ])
    assert.deepEqual(same, USUAL);
});

const DEVICE = { path: '/sys/devices/usb1/1-1', modalias: 'usb:v1234', module: 'tg3' };
const DEVICES = valueOf(virtioNeeds().devices) ?? [];

const passing: readonly [string, Partial<InitramfsNeeds>][] = [
  ['a module that is loaded', { loadedModules: names('ext4', 'virtio_blk', 'virtio_pci', 'dm_mod') }],
  ['a device', { devices: read([...DEVICES, { ...DEVICE, module: undefined }]) }],
  ['a driver', { devices: read([...DEVICES, { ...DEVICE, modalias: undefined }]) }],
  ['a first stack of devices', { blockDevices: names('vda', 'vda1', 'md0') }],
  ['a first encrypted volume', { mappings: read(['CRYPT-LUKS2-1']) }],
  ['a first multipath device', { mappings: read(['mpath-1']) }],
];

test('what comes and goes makes another key, in the same variant', () => {
  const all = [USUAL, ...passing.map(([, needs]) => withNeeds(needs))];
  for (const { variant } of all) assert.equal(variant, USUAL.variant);
  assert.equal(new Set(all.map(({ exact }) => exact)).size, all.length);
});

const decisive: readonly [string, Partial<InitramfsWish>][] = [
  ...(['devices', 'loadedModules', 'blockDevices', 'mappings', 'fileSystems'] as const).map(
    (part): [string, Partial<InitramfsWish>] => [
      `that ${part} cannot be read`,
      { needs: virtioNeeds({ [part]: unreadable(`the source of ${part}`) }) },
    ],
  ),
  ['a file system', { needs: virtioNeeds({ fileSystems: names('ext4', 'overlay') }) }],
  ['another root', { commandLine: 'root=/dev/vdb1' }],
  ['a running root that cannot be read', { runningCommandLine: unreadable('/proc/cmdline') }],
  ['a module that the command line names', { commandLine: 'root=/dev/vda1 rd.driver.pre=nvme' }],
  ['the release, whose modules are kept', { release: undefined }],
  ['the packing', { packing: 'lz4' }],
  ['that it stays complete', { needs: undefined }],
];

test('whatever else decides what comes out makes a variant of its own', () => {
  const all = [USUAL, ...decisive.map(([, over]) => purpose(over))].map(({ variant }) => variant);
  for (const [index, [what]] of decisive.entries())
    assert.equal(
      all.filter((other) => other === all[index + 1]).length,
      1,
      `${what} is no variant of its own`,
    );
});

test('a complete initramfs is the same whatever the machine has', () => {
  const complete = purpose({ needs: undefined });
  assert.deepEqual(purpose({ needs: undefined, commandLine: 'root=/dev/sda', release: undefined }), complete);
  assert.equal(complete.exact, complete.variant);
});

test('asking for the purpose changes nothing of the wish', () => {
  const devices = Object.freeze([...DEVICES].reverse());
  withNeeds({ devices: read(devices) });
  assert.deepEqual(devices, [...DEVICES].reverse());
});
