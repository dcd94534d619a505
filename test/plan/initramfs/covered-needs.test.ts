import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cpioHardLink, encodeCpio } from '../../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../../src/formats/initramfs.ts';
import type { DeviceAlias } from '../../../src/machine/device-aliases.ts';
import type { InitramfsNeeds } from '../../../src/machine/initramfs-needs.ts';
import { valueOf } from '../../../src/machine/reading.ts';
import { isCovered } from '../../../src/plan/initramfs/covered-needs.ts';
import { type TrimmedInitramfs, trimInitramfs } from '../../../src/plan/initramfs/trim-initramfs.ts';
import {
  FIRMWARE_FILES,
  initramfsEntries,
  type ModuleRecipe,
  modulesOf,
  SOME_MODULES,
  trimImage,
  trimRequest,
  USB_CONTROLLER,
  virtioNeeds,
} from '../../support/initramfs-builder.ts';
import { inputs } from '../../support/inputs.ts';
import { absent, read, unreadable } from '../../support/machine-facts.ts';

type Change = Partial<InitramfsNeeds>;

/** Whether what was trimmed for one machine serves the other. */
function serves(other: Change, trimmedFor: Change = {}, modules = SOME_MODULES): boolean {
  const { covered } = trimImage({ modules }, { needs: virtioNeeds(trimmedFor) });
  assert.ok(covered !== undefined);
  return isCovered(virtioNeeds(other), covered);
}

const DEVICES = valueOf(virtioNeeds().devices) ?? [];

const names = (...all: string[]) => read(new Set(all));
const loading = (...more: string[]): Change => ({
  loadedModules: names('ext4', 'virtio_blk', 'virtio_pci', ...more),
});
const plugging = (device: Partial<DeviceAlias>): Change => ({
  devices: read([...DEVICES, { path: '/sys/devices/a', modalias: undefined, module: undefined, ...device }]),
});

const LESS: readonly (readonly [string, Change, Change])[] = [
  ['nothing changes', {}, {}],
  ['modules are unloaded', { loadedModules: names() }, loading('tg3')],
  ['a module is loaded that the initramfs never had', loading('nvidia'), {}],
  ['a module is loaded that stayed anyway', loading('usbhid', 'crc32c_generic'), {}],
  ['a cipher is loaded that was left out, and nothing is encrypted', loading('xts', 'crypto_xts'), {}],
  ['a device is taken out', { devices: read(DEVICES.slice(1)) }, {}],
  [
    'a device gets a driver that the initramfs never had',
    plugging({ modalias: 'usb:v1', module: 'btusb' }),
    plugging({ modalias: 'usb:v1' }),
  ],
  ['a driver is unloaded', plugging({ modalias: 'usb:v1' }), plugging({ modalias: 'usb:v1', module: 'tg3' })],
  [
    'a device is in another place',
    plugging({ path: '/sys/devices/b', modalias: 'usb:v1' }),
    plugging({ modalias: 'usb:v1' }),
  ],
  ['a second disk comes', { blockDevices: names('vda', 'vda1', 'sdb') }, {}],
  [
    'an encrypted volume is closed',
    {},
    { blockDevices: names('vda', 'dm-0'), mappings: read(['CRYPT-LUKS2-1']) },
  ],
  [
    'an encrypted volume follows another',
    { mappings: read(['CRYPT-LUKS2-2']) },
    { mappings: read(['CRYPT-LUKS2-1']) },
  ],
];
for (const [what, now, before] of LESS)
  test(`when ${what}, what was trimmed before still serves`, () => assert.ok(serves(now, before)));

const MORE: readonly (readonly [string, Change])[] = [
  ['a module is loaded that was left out', loading('tg3')],
  ['a module is loaded by another name of one that was left out', loading('fs_xfs')],
  ['a module is loaded that has ciphers kept, though no initramfs has it', loading('rbd')],
  ['a module is loaded whose name is no word', loading('odd:name')],
  ['a device is plugged in', plugging({ modalias: 'usb:v1' })],
  ['a device gets a driver that was left out', plugging({ module: 'tg3' })],
  ['there is a stack of devices', { blockDevices: names('vda', 'md0') }],
  ['there is an encrypted volume', { mappings: read(['CRYPT-LUKS2-1']) }],
  ['there is a multipath device', { mappings: read(['mpath-1']) }],
  ...(['devices', 'loadedModules', 'blockDevices', 'mappings'] as const).flatMap((part) =>
    [unreadable(), absent()].map((reading): [string, Change] => [
      `${part} are ${reading.state}`,
      { [part]: reading },
    ]),
  ),
];
for (const [what, now] of MORE)
  test(`when ${what}, what was trimmed before does not serve`, () => assert.equal(serves(now), false));

test('a cipher that was loaded and left out does not serve the device that it drives now', () => {
  assert.equal(serves({ ...loading('xts'), ...plugging({ module: 'xts' }) }, loading('xts')), false);
});

test('a module that stayed for its file alone does not serve a machine that has it loaded: what it depends on went', () => {
  const entries = initramfsEntries({ modules: SOME_MODULES });
  const image = encodeCpio([
    ...entries,
    cpioHardLink('backup.ko', entries.find(({ name }) => name.endsWith('/dm-crypt.ko'))!),
  ]);
  const { covered, reasons } = trimInitramfs(readInitramfs(image, 'initrd'), trimRequest());
  assert.deepEqual([reasons.has('dm_crypt'), reasons.has('dm_mod')], [true, false]);
  assert.equal(isCovered(virtioNeeds(loading('dm_crypt')), covered!), false);
});

test('what is recorded is what was left out by names that a loaded module may have, and who had them loaded', () => {
  const needs = virtioNeeds({
    ...loading('nvidia', 'tg3', 'rbd', 'odd:name'),
    ...plugging({ module: 'btusb' }),
  });
  const { covered } = trimImage({}, { needs });
  const { modaliases, ...others } = covered!;
  assert.equal(modaliases.length, DEVICES.length);
  assert.deepEqual(others, {
    drivers: [],
    loadedModules: ['odd:name', 'rbd'],
    storage: [],
    names: ['crypto_xts', 'dm_crypt', 'dm_mod', 'fs_xfs', 'sd_mod', 'virtio_net', 'xfs', 'xts'],
    spareNames: [],
  });
  assert.deepEqual(trimImage().covered?.spareNames, ['crypto_xts', 'xts']);
});

test('what was not trimmed covers nothing: it is complete', () => {
  assert.equal(trimImage({}, { release: '6.9.9' }).covered, undefined);
});

const FOLDERS = ['drivers/net', 'drivers/md', 'crypto', 'arch/x86/crypto', 'drivers/scsi/device_handler'];
const ALIASES = [
  ...['plain', 'p?ain', 'pl*', '[!a-k]lain', '\\plain', 'crypto-a', 'a-b', 'net-pf-1', 'char-major-*'],
  ...['pci:v1*', 'usb:v1', 'cpu:type:*', 'acpi*:P:*', '*'],
];
const MODULES = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'hid'];
const LOADED = [
  ...MODULES,
  'plain',
  'plan',
  'crypto_a',
  'a_b',
  'net_pf_1',
  'char_major_7',
  'rbd',
  'other',
  'odd-x',
];

const someModules = fc
  .tuple(
    ...MODULES.map(() =>
      fc.record({
        folder: fc.constantFrom(...FOLDERS),
        aliases: fc.uniqueArray(fc.constantFrom(...ALIASES), { maxLength: 2 }),
        depends: fc.uniqueArray(fc.constantFrom(...MODULES), { maxLength: 2 }),
        firmware: fc.subarray(['tigon/tg3.bin', 'shared.bin']),
      }),
    ),
  )
  .map(
    (all): Record<string, ModuleRecipe> =>
      Object.fromEntries(
        all.map(({ folder, ...recipe }, index) => [`kernel/${folder}/${MODULES[index]}.ko`, recipe]),
      ),
  );

const someDevice = fc
  .record({
    modalias: fc.option(fc.constantFrom('pci:v1', 'pci:v2', 'usb:v1', 'cpu:type:x86', 'acpi:P:'), {
      nil: undefined,
    }),
    module: fc.option(fc.constantFrom(...LOADED), { nil: undefined }),
  })
  .map(
    (device): DeviceAlias => ({
      path: device.modalias === 'cpu:type:x86' ? '/sys/devices/system/cpu' : USB_CONTROLLER,
      ...device,
    }),
  );

interface SomeNeeds {
  readonly devices: readonly DeviceAlias[];
  readonly loaded: readonly string[];
  readonly disks: readonly string[];
  readonly mappings: readonly string[];
}

/** Few of each, so that what is covered is not rare. */
const someNeeds: fc.Arbitrary<SomeNeeds> = fc.record({
  devices: fc.array(someDevice, { maxLength: 2 }),
  loaded: fc.uniqueArray(fc.constantFrom(...LOADED), { maxLength: 3 }),
  disks: fc.subarray(['dm-0', 'sdb']),
  mappings: fc.subarray(['CRYPT-1', 'LVM-1', 'mpath-1']),
});
function needsOf({ devices, loaded, disks, mappings }: SomeNeeds): InitramfsNeeds {
  return virtioNeeds({
    devices: read(devices),
    loadedModules: names(...loaded),
    blockDevices: names('vda', ...disks),
    mappings: read(mappings),
  });
}

function both(one: SomeNeeds, other: SomeNeeds): SomeNeeds {
  return {
    devices: [...one.devices, ...other.devices],
    loaded: [...one.loaded, ...other.loaded],
    disks: [...one.disks, ...other.disks],
    mappings: [...one.mappings, ...other.mappings],
  };
}

function filesOf({ entries }: TrimmedInitramfs): readonly string[] {
  return [
    ...modulesOf(entries),
    ...entries.map(({ name }) => name).filter((name) => name.includes('firmware/')),
  ];
}

test('whatever the machines, what serves another has all that would have been kept for that one', () => {
  fc.assert(
    fc.property(someModules, someNeeds, someNeeds, (modules, first, second) => {
      const trim = (needs: SomeNeeds) =>
        trimImage({ modules, files: FIRMWARE_FILES }, { needs: needsOf(needs) });
      const union = both(first, second);
      const [forFirst, forUnion] = [first, union].map(trim);
      assert.ok(isCovered(needsOf(first), forUnion!.covered!), 'more serves less');
      const kept = new Set(filesOf(forUnion!));
      assert.ok(filesOf(forFirst!).every((name) => kept.has(name)));
      if (isCovered(needsOf(union), forFirst!.covered!))
        assert.deepEqual(filesOf(forUnion!), filesOf(forFirst!));
    }),
    inputs(300),
  );
});
