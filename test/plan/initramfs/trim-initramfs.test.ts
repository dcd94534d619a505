import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CpioEntry } from '../../../src/formats/cpio.ts';
import { cpioFile, cpioFolder, cpioHardLink, encodeCpio } from '../../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../../src/formats/initramfs.ts';
import { joinBytes } from '../../../src/formats/join-bytes.ts';
import { moduleName } from '../../../src/formats/module-file.ts';
import type { InitramfsNeeds } from '../../../src/machine/initramfs-needs.ts';
import { modulePlaceOf } from '../../../src/plan/initramfs/module-folder.ts';
import { packInitramfs } from '../../../src/plan/initramfs/pack-initramfs.ts';
import {
  type TrimmedInitramfs,
  type TrimRequest,
  trimInitramfs,
} from '../../../src/plan/initramfs/trim-initramfs.ts';
import { outcomeOf } from '../../support/hostile-bytes.ts';
import {
  FIRMWARE_FILES,
  type InitramfsRecipe,
  initramfsEntries,
  initramfsImage,
  type ModuleRecipe,
  modulesOf,
  NEEDED_MODULES,
  RELEASE,
  SOME_MODULES,
  trimImage,
  trimRequest,
  USB_CONTROLLER,
  virtioNeeds,
} from '../../support/initramfs-builder.ts';
import { inputs } from '../../support/inputs.ts';
import { absent, read, unreadable } from '../../support/machine-facts.ts';

/** Kept modules besides those that always are. */
function extra(result: TrimmedInitramfs): string[] {
  assert.equal(result.obstacle, undefined);
  return modulesOf(result.entries).filter((name) => !NEEDED_MODULES.includes(name));
}

test('what this machine has and what that depends on stays', () => {
  const result = trimImage();
  assert.deepEqual(modulesOf(result.entries), NEEDED_MODULES);
  assert.deepEqual(result.dropped.modules.map(({ name }) => name).sort(), [
    'dm_crypt',
    'dm_mod',
    'sd_mod',
    'tg3',
    'virtio_net',
    'xfs',
    'xts',
  ]);
  assert.equal(result.kept.modules.count, NEEDED_MODULES.length);
  assert.deepEqual(
    ['virtio_blk', 'virtio', 'jbd2', 'crc32c_generic', 'usbhid'].map((name) => result.reasons.get(name)),
    [
      '/sys/devices/pci0000:00/0000:00:02.0/virtio0 asks for it',
      'virtio_blk may need it',
      'ext4 may need it',
      'ext4 may need it',
      'a keyboard for a rescue shell',
    ],
  );
});

/** A cipher that this processor could use, and that is loaded. */
const WITH_CIPHER = {
  'kernel/arch/x86/crypto/aesni-intel.ko': { aliases: ['cpu:type:x86,*feature:*0099*', 'crypto-cbc(aes)'] },
};

function trimWithCipher(more: Partial<InitramfsNeeds>): string[] {
  const needs = virtioNeeds({
    devices: read([
      {
        path: '/sys/devices/system/cpu',
        modalias: 'cpu:type:x86,ven0000fam0006mod0055:feature:,0099,',
        module: undefined,
      },
    ]),
    loadedModules: read(new Set(['aesni_intel', 'ext4'])),
    ...more,
  });
  return extra(trimImage({ modules: { ...SOME_MODULES, ...WITH_CIPHER } }, { needs }));
}

test('a cipher that only the processor asks for goes, unless something may be encrypted or come over a network', () => {
  assert.equal(trimWithCipher({}).includes('aesni_intel'), false);
  assert.ok(trimWithCipher({ mappings: read(['CRYPT-LUKS2-abc-root']) }).includes('aesni_intel'));
  assert.ok(trimWithCipher({ fileSystems: read(new Set(['nfs4'])) }).includes('aesni_intel'));
  assert.ok(
    trimWithCipher({ loadedModules: read(new Set(['aesni_intel', 'iscsi_tcp'])) }).includes('aesni_intel'),
  );
});

test('a hash that a file system depends on stays, though nothing is encrypted', () => {
  assert.ok(modulesOf(trimImage().entries).includes('crc32c_generic'));
});

test('drivers of USB keyboards stay only where there is a USB controller', () => {
  const needs = virtioNeeds();
  assert.ok(needs.devices.state === 'read');
  const devices = read(needs.devices.value.filter(({ path }) => path !== USB_CONTROLLER));
  const kept = modulesOf(trimImage({}, { needs: { ...needs, devices } }).entries);
  assert.deepEqual(
    NEEDED_MODULES.filter((name) => !kept.includes(name)),
    ['hid', 'usbhid'],
  );
});

test('folders that lost all they had go, others stay though they are empty', () => {
  const names = new Set(trimImage().entries.map(({ name }) => name));
  const root = `usr/lib/modules/${RELEASE}/kernel`;
  assert.ok(names.has(`${root}/fs/ext4`));
  assert.equal(names.has(`${root}/fs/xfs`), false);
  const entries = [
    ...initramfsEntries({ release: RELEASE, modules: SOME_MODULES }),
    cpioFolder('usr/lib/empty'),
  ];
  const content = readInitramfs(encodeCpio(entries), 'built');
  assert.ok(trimInitramfs(content, trimRequest()).entries.some(({ name }) => name === 'usr/lib/empty'));
});

const LAYOUTS: readonly (readonly [string, Partial<InitramfsRecipe>])[] = [
  ['dracut and initramfs-tools, in usr', {}],
  ['older systems, in lib', { library: 'lib' }],
  ['mkinitcpio, with binary indexes alone', { indexes: 'binary' }],
  ['busybox, with text alone', { indexes: 'text' }],
  [
    'compressed modules',
    { modules: Object.fromEntries(Object.entries(SOME_MODULES).map(([path, one]) => [`${path}.gz`, one])) },
  ],
];
for (const [layout, recipe] of LAYOUTS)
  test(`the same modules stay in the layout of ${layout}`, () => {
    assert.deepEqual(modulesOf(trimImage(recipe).entries), NEEDED_MODULES);
  });

const WITH_MORE: readonly (readonly [
  string,
  Partial<InitramfsRecipe>,
  Partial<TrimRequest>,
  readonly string[],
])[] = [
  ['is loaded now', {}, { needs: virtioNeeds({ loadedModules: read(new Set(['tg3'])) }) }, ['tg3']],
  [
    'is mounted on /usr',
    {},
    { needs: virtioNeeds({ fileSystems: read(new Set(['ext4', 'xfs'])) }) },
    ['xfs'],
  ],
  [
    'drives a device here',
    {},
    {
      needs: virtioNeeds({
        devices: read([{ path: '/sys/devices/a', modalias: undefined, module: 'virtio_net' }]),
      }),
    },
    ['virtio_net'],
  ],
  [
    'maps a device',
    {},
    { needs: virtioNeeds({ blockDevices: read(new Set(['vda', 'dm-0'])) }) },
    ['dm_crypt', 'dm_mod'],
  ],
  ['may decrypt a volume', {}, { needs: virtioNeeds({ mappings: read(['CRYPT-LUKS2-0-a']) }) }, ['xts']],
  ['rootfstype= names', {}, { commandLine: 'root=UUID=0123 ro rootfstype=xfs' }, ['xfs']],
  ['modules-load= names', {}, { commandLine: 'root=UUID=0123 modules-load=tg3,xts' }, ['tg3', 'xts']],
  ['conf/modules names', { files: { 'conf/modules': '# comment\ntg3 debug=1\n' } }, {}, ['tg3']],
  ['modules-load.d names', { files: { 'usr/lib/modules-load.d/a.conf': 'xfs\n' } }, {}, ['xfs']],
  [
    'dracut is to load',
    { files: { 'etc/cmdline.d/20-force_drivers.conf': 'rd.driver.pre=xfs\n' } },
    {},
    ['xfs'],
  ],
  ['mkinitcpio is to load', { files: { config: 'MODULES="xfs tg3"\nHOOKS="base"\n' } }, {}, ['tg3', 'xfs']],
  [
    'a script loads',
    { files: { 'scripts/local-top/x': '#!/bin/sh\nmodprobe -q dm-crypt\n' } },
    {},
    ['dm_crypt', 'dm_mod'],
  ],
  [
    'modprobe.d ties to another',
    { files: { 'etc/modprobe.d/a.conf': 'softdep virtio_blk post: tg3\n' } },
    {},
    ['tg3'],
  ],
  [
    'modprobe.d gives another name',
    {
      files: { 'etc/modprobe.d/a.conf': 'alias my-disk xfs\n', 'conf/modules': 'my-disk\n' },
    },
    {},
    ['xfs'],
  ],
];
for (const [what, recipe, request, names] of WITH_MORE)
  test(`what ${what} stays`, () => {
    assert.deepEqual(extra(trimImage(recipe, request)), names);
  });

test('a udev rule keeps nothing by itself: what it loads for a device that is there is loaded now', () => {
  const files = { 'usr/lib/udev/rules.d/80-drivers.rules': 'RUN{builtin}+="kmod load xts"\n' };
  assert.deepEqual(extra(trimImage({ modules: SOME_MODULES, files }, {})), []);
});

const OBSTACLES: readonly (readonly [string, Partial<InitramfsRecipe>, Partial<TrimRequest>, RegExp])[] = [
  [
    'the devices cannot be read',
    {},
    { needs: virtioNeeds({ devices: unreadable('/sys/devices', 'EIO') }) },
    /sys\/devices cannot be read \(EIO\)/,
  ],
  [
    'the modules that are loaded are not known',
    {},
    { needs: virtioNeeds({ loadedModules: absent('/proc/modules') }) },
    /proc\/modules is not there/,
  ],
  [
    'the file systems are not known',
    {},
    { needs: virtioNeeds({ fileSystems: unreadable() }) },
    /cannot be read/,
  ],
  ['the root is another one', {}, { commandLine: 'root=/dev/vdb1' }, /another root/],
  [
    'the root is not named, and the running one came from a medium',
    {},
    {
      runningCommandLine: read('quiet'),
      commandLine: 'quiet',
      needs: virtioNeeds({ fileSystems: read(new Set(['overlay', 'squashfs', 'tmpfs'])) }),
    },
    /another root/,
  ],
  [
    'the running command line is not known',
    {},
    { runningCommandLine: unreadable('/proc/cmdline') },
    /proc\/cmdline/,
  ],
  ['the modules are for another kernel', {}, { release: '6.12.1' }, /no modules for 6\.12\.1/],
  ['there are no indexes', { indexes: 'none' }, {}, /no modules\.(?:dep|alias)/],
];
for (const [what, recipe, request, reason] of OBSTACLES)
  test(`nothing is trimmed when ${what}`, () => {
    const result = trimImage(recipe, request);
    assert.match(result.obstacle ?? '', reason);
    assert.deepEqual(result.dropped, { modules: [], firmware: [], hardwareNames: 0 });
    assert.equal(modulesOf(result.entries).length, Object.keys(SOME_MODULES).length);
  });

test('a root that is not named is the same when it is a disk’s', () => {
  const unnamed = { runningCommandLine: read('quiet'), commandLine: 'quiet' };
  assert.equal(trimImage({}, unnamed).obstacle, undefined);
});

test('modules of another kernel in the same image stay', () => {
  const other = initramfsEntries({ release: '6.9.9', modules: SOME_MODULES });
  const image = encodeCpio([...initramfsEntries({ modules: SOME_MODULES }), ...other]);
  const before = readInitramfs(image, 'initrd');
  const { entries, dropped } = trimInitramfs(before, trimRequest());
  const ofOther = (all: readonly CpioEntry[]) =>
    all.filter(({ name }) => modulePlaceOf(name)?.release === '6.9.9');
  assert.ok(dropped.modules.length > 0);
  assert.deepEqual(ofOther(entries), ofOther(before.entries));
});

test('the part of a device that only the new kernel has a driver of its own for stays', () => {
  const modules = {
    ...SOME_MODULES,
    'kernel/drivers/block/part.ko': { aliases: ['auxiliary:virtio_blk.part'] },
    'kernel/drivers/net/part2.ko': { aliases: ['auxiliary:tg3.part'] },
  };
  assert.deepEqual(extra(trimImage({ modules })), ['part']);
});

test('names that every JavaScript object knows are names like others', () => {
  const image = encodeCpio([
    ...initramfsEntries({
      modules: SOME_MODULES,
      files: { 'etc/modprobe.d/a.conf': 'softdep ext4 toString constructor pre: valueOf\n' },
    }),
    ...['constructor', '__proto__', 'toString'].map((name) =>
      cpioFile(`usr/lib/modules/${RELEASE}/${name}`, Buffer.from('x')),
    ),
  ]);
  const result = trimInitramfs(readInitramfs(image, 'initrd'), trimRequest());
  assert.deepEqual(extra(result), []);
});

test('a module whose file has several names stays', () => {
  const entries = initramfsEntries({ modules: SOME_MODULES });
  const xfs = entries.find(({ name }) => name.endsWith('/xfs.ko'))!;
  const image = encodeCpio([...entries, cpioHardLink('backup.ko', xfs)]);
  const result = trimInitramfs(readInitramfs(image, 'initrd'), trimRequest());
  assert.equal(result.reasons.get('xfs'), 'its file has several names');
  assert.deepEqual(extra(result), ['xfs']);
});

/** Random machines against random modules: devices ask for some of them, and they depend on one another. */
const anyCase = fc
  .record({
    edges: fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 20 }),
    devices: fc.array(fc.nat(11), { maxLength: 4 }),
    loaded: fc.array(fc.nat(11), { maxLength: 3 }),
    files: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ maxLength: 40 }), { maxKeys: 5 }),
  })
  .map(({ edges, devices, loaded, files }) => {
    const modules = Object.fromEntries(
      Array.from({ length: 12 }, (_, index): [string, ModuleRecipe] => [
        `kernel/m${index}.ko`,
        {
          aliases: [`test:${index}.`],
          depends: [
            ...new Set(edges.filter(([from, to]) => from === index && to < index).map(([, to]) => `m${to}`)),
          ],
        },
      ]),
    );
    const needs = virtioNeeds({
      devices: read(
        devices.map((index) => ({ path: '/sys/devices/d', modalias: `test:${index}.`, module: undefined })),
      ),
      loadedModules: read(new Set(loaded.map((index) => `m${index}`))),
    });
    return { modules, needs, files };
  });

test('whatever the machine, needed modules stay with all they depend on, and other files byte for byte', () => {
  fc.assert(
    fc.property(anyCase, ({ modules, needs, files }) => {
      const before = readInitramfs(initramfsImage({ modules, files }), 'initrd');
      const { entries, obstacle, dropped } = trimInitramfs(before, trimRequest({ needs }));
      assert.equal(obstacle, undefined);
      const kept = new Set(modulesOf(entries));
      for (const [path, { depends = [] }] of Object.entries(modules))
        if (kept.has(moduleName(path))) assert.ok(depends.every((name) => kept.has(name)));
      for (const { modalias } of needs.devices.state === 'read' ? needs.devices.value : [])
        assert.ok(kept.has(`m${modalias!.slice(5, -1)}`));
      const others = (all: readonly CpioEntry[]) =>
        all.filter(({ name }) => modulePlaceOf(name) === undefined);
      assert.deepEqual(others(entries), others(before.entries));
      assert.equal(kept.size + dropped.modules.length, 12);
    }),
  );
});

test('trimming again changes nothing', () => {
  const first = trimImage({ files: FIRMWARE_FILES });
  const again = trimInitramfs(readInitramfs(encodeCpio(first.entries), 'initrd'), trimRequest());
  assert.deepEqual(again.dropped, { modules: [], firmware: [], hardwareNames: 0 });
  assert.deepEqual(
    again.entries.map(({ name, bytes }) => [name, [...bytes]]),
    first.entries.map(({ name, bytes }) => [name, [...bytes]]),
  );
});

test('cut off or damaged, an image is refused, left alone, or trimmed and read back', () => {
  const image = initramfsImage({ modules: SOME_MODULES, files: FIRMWARE_FILES });
  const attempt = (bytes: Uint8Array): void => {
    const content = readInitramfs(bytes, 'initrd', { maxOutputBytes: 1 << 22 });
    const { entries, obstacle } = trimInitramfs(content, trimRequest());
    if (obstacle !== undefined) return;
    const packed = packInitramfs({ name: 'initrd', path: undefined, bytes }, content, entries, 'none');
    assert.equal(readInitramfs(joinBytes(packed), 'packed').entries.length, entries.length);
  };
  fc.assert(
    fc.property(fc.nat(image.length - 1), fc.nat(255), fc.boolean(), (at, byte, isCut) => {
      outcomeOf(attempt, isCut ? image.subarray(0, at) : image.with(at, byte));
    }),
    inputs(400),
  );
});

test('the entry of the archive’s own folder and odd files are no obstacle', () => {
  const image = encodeCpio([
    { ...cpioFile('.', new Uint8Array()), mode: 0o40755 },
    ...initramfsEntries({ modules: SOME_MODULES }),
    cpioFile('usr/lib/modules/odd', Buffer.from('x')),
  ]);
  assert.equal(trimInitramfs(readInitramfs(image, 'initrd'), trimRequest()).obstacle, undefined);
});
