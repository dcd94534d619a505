import assert from 'node:assert/strict';
import { cpSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readInitramfs } from '../../src/formats/initramfs.ts';
import { moduleName } from '../../src/formats/module-file.ts';
import { unpackKernel } from '../../src/formats/unpacked-kernel.ts';
import type { InitramfsNeeds } from '../../src/machine/initramfs-needs.ts';
import { valueOf } from '../../src/machine/reading.ts';
import { encodePreparedRecord } from '../../src/prepare/prepared-record.ts';
import { listPrepared, readPreparedInitramfs, readPreparedKernel } from '../../src/prepare/prepared-store.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { modulesOf, NEEDED_MODULES, SOME_MODULES, virtioNeeds } from '../support/initramfs-builder.ts';
import { read, unreadable } from '../support/machine-facts.ts';
import { buildBoot, initramfsWithModules } from '../support/prepared-boot.ts';
import { buildKernelImage, relocationTable } from '../support/unpacked-kernel-builder.ts';

test('what is prepared is the kernel that unpacking gives', () => {
  using boot = buildBoot();
  const read = readPreparedKernel(boot.prepare());
  const fresh = unpackKernel(buildKernelImage(), 'vmlinuz');
  assert.deepEqual(read?.layout, fresh.layout);
  for (const part of ['image', 'relocationTable', 'setupHeader'] as const)
    assert.ok(Buffer.from(fresh[part]).equals(read![part]), part);
});

test('what is prepared holds the files of the initrd', () => {
  using boot = buildBoot();
  const initramfs = readPreparedInitramfs(boot.prepare());
  assert.ok(initramfs !== undefined);
  const names = readInitramfs(initramfs.bytes, 'prepared').parts.flatMap((part) =>
    part.entries.map((entry) => entry.name),
  );
  assert.ok(names.includes('init'), names.join());
});

test('preparing twice finds the first entry and writes nothing', () => {
  using boot = buildBoot();
  const first = boot.prepare({}, () => 1000);
  const times = () => readdirSync(first.folder).map((name) => statSync(join(first.folder, name)).mtimeMs);
  const before = times();
  const second = boot.prepare({}, () => 2000);
  assert.deepEqual([first.wasThere, second.wasThere], [false, true]);
  assert.deepEqual(second.record, first.record);
  assert.deepEqual(times(), before);
});

test('when it is forced, the entry is made anew in its place', () => {
  using boot = buildBoot();
  const first = boot.prepare({}, () => 1000);
  writeFileSync(join(first.folder, 'kernel.image'), 'decayed');
  const second = boot.prepare({ isForced: true }, () => 2000);
  assert.deepEqual([second.wasThere, second.folder], [false, first.folder]);
  assert.equal(second.record.madeAtMs, 2000);
  assert.ok(readPreparedKernel(second) !== undefined);
});

test('a touched file is found by its content, by its identity from then on, and when it is forced, made anew', () => {
  using boot = buildBoot();
  const first = boot.prepare();
  const image = join(first.folder, 'kernel.image');
  const before = statSync(image).mtimeMs;
  utimesSync(boot.image, new Date(0), new Date(1));
  assert.equal(boot.find(), undefined);
  const second = boot.prepare();
  assert.deepEqual([second.wasThere, second.folder], [true, first.folder]);
  assert.notDeepEqual(second.record.image, first.record.image);
  assert.equal(statSync(image).mtimeMs, before);
  assert.deepEqual(boot.find(), { folder: second.folder, record: second.record });
  utimesSync(boot.image, new Date(0), new Date(2));
  assert.equal(boot.prepare({ isForced: true }).wasThere, false);
});

test('an entry that is found by its content is not taken for files that change meanwhile', () => {
  using boot = buildBoot();
  boot.prepare();
  utimesSync(boot.image, new Date(0), new Date(1));
  const change = () => utimesSync(boot.image, new Date(0), new Date(2));
  assert.throws(() => boot.prepare({}, clockThat(change)), { code: 'E_REFUSED' });
  assert.equal(boot.find(), undefined);
});

test('another wish is another entry, whatever the content', () => {
  using boot = buildBoot();
  boot.prepare();
  utimesSync(boot.image, new Date(0), new Date(1));
  assert.equal(boot.prepare({ packing: 'lz4' }).wasThere, false);
});

test('other content of kernel or initrd is another key', () => {
  using boot = buildBoot();
  const keys = [boot.prepare().record.key, boot.prepare({ initrds: [] }).record.key];
  writeFileSync(boot.image, buildKernelImage({ table: relocationTable([[8], []]) }));
  keys.push(boot.prepare().record.key);
  assert.equal(new Set(keys).size, 3);
});

test('a kernel that cannot be unpacked beforehand is said, and its initrd is prepared all the same', () => {
  using boot = buildBoot({ 'boot/vmlinuz': buildBzImage() });
  const entry = boot.prepare();
  assert.equal(readPreparedKernel(entry), undefined);
  assert.match(entry.record.kernelObstacle ?? '', /payload/);
  assert.ok(readPreparedInitramfs(entry) !== undefined);
  assert.equal(boot.prepare().wasThere, true, 'and is not tried again each time');
});

for (const [what, change] of [
  ['another version of khop', { madeBy: '0.0.1' }],
  ['a moment without memory', { isLasting: false }],
] as const)
  test(`what could not be prepared by ${what} is tried again, what could is found`, () => {
    for (const [vmlinuz, wasThere] of [
      [buildBzImage(), false],
      [buildKernelImage(), true],
    ] as const) {
      using boot = buildBoot({ 'boot/vmlinuz': vmlinuz });
      const { folder, record } = boot.prepare();
      writeFileSync(join(folder, 'prepared.json'), encodePreparedRecord({ ...record, ...change }));
      assert.equal(boot.prepare().wasThere, wasThere);
      assert.equal(boot.prepare().wasThere, true);
    }
  });

test('an initrd that cannot be read is said, and the kernel is prepared all the same', () => {
  using boot = buildBoot({ 'boot/initrd.img': 'no archive of any kind' });
  const entry = boot.prepare();
  assert.equal(readPreparedInitramfs(entry), undefined);
  assert.notEqual(entry.record.initramfsObstacle, null);
  assert.ok(readPreparedKernel(entry) !== undefined);
});

test('a kernel without an initrd is prepared alone', () => {
  using boot = buildBoot();
  const entry = boot.prepare({ initrds: [] });
  assert.ok(readPreparedKernel(entry) !== undefined);
  assert.equal(readPreparedInitramfs(entry), undefined);
  assert.equal(entry.record.initramfsObstacle, null);
});

test('files that are missing, empty or no kernel are errors, and no entry comes of them', () => {
  using boot = buildBoot({ 'boot/empty': '', 'boot/text': 'no kernel' });
  const at = (name: string) => join(boot.root, 'boot', name);
  for (const [over, code] of [
    [{ image: at('gone') }, 'E_NOT_FOUND'],
    [{ initrds: [at('gone')] }, 'E_NOT_FOUND'],
    [{ initrds: [at('empty')] }, 'E_FORMAT'],
    [{ image: at('empty') }, 'E_FORMAT'],
    [{ image: at('') }, 'E_FORMAT'],
    [{ image: at('text') }, 'E_FORMAT'],
  ] as const)
    assert.throws(() => boot.prepare(over), { code }, JSON.stringify(over));
  assert.deepEqual(listPrepared(boot.cache), []);
});

/** When this clock is read, the files were identified and not yet read. */
function clockThat(changes: () => void): () => number {
  let readings = 0;
  return () => {
    if (readings++ === 0) changes();
    return 1000;
  };
}

test('a file that is replaced or rewritten while it is prepared is an error that names it, and no entry comes of it', () => {
  for (const name of ['image', 'initrd'] as const)
    for (const target of ['', '.new']) {
      using boot = buildBoot();
      const path = boot[name];
      const change = () => {
        cpSync(path, `${path}.new`);
        utimesSync(`${path}${target}`, new Date(0), new Date(1));
        if (target !== '') renameSync(`${path}.new`, path);
      };
      assert.throws(() => boot.prepare({}, clockThat(change)), {
        code: 'E_REFUSED',
        message: `${path} has changed since it was read and checked`,
      });
      assert.deepEqual(readdirSync(boot.prepared), []);
    }
});

test('a clock that is set back while it works gives no negative time', () => {
  using boot = buildBoot();
  const readings = [5000, 1000];
  const { record } = boot.prepare({}, () => readings.shift() ?? 1000);
  assert.deepEqual([record.madeAtMs, record.tookMs], [5000, 0]);
});

const LOADED = ['ext4', 'virtio_blk', 'virtio_pci'];
const DEVICES = valueOf(virtioNeeds().devices) ?? [];

function loading(...modules: string[]): Partial<InitramfsNeeds> {
  return { loadedModules: read(new Set(modules)) };
}

/** A second entry for the machine after a change, made or found. */
function prepareAfter(
  change: Partial<InitramfsNeeds>,
  before: Partial<InitramfsNeeds> = {},
): { readonly wasThere: boolean; readonly modules: readonly string[] } {
  using boot = buildBoot(initramfsWithModules());
  const first = boot.prepare({ needs: virtioNeeds(before) });
  const second = boot.prepare({ needs: virtioNeeds(change) });
  assert.equal(second.wasThere, second.record.key === first.record.key);
  const third = boot.prepare({ needs: virtioNeeds(change) });
  assert.deepEqual([third.wasThere, third.folder], [true, second.folder]);
  const { entries } = readInitramfs(readPreparedInitramfs(second)!.bytes, 'prepared');
  return { wasThere: second.wasThere, modules: modulesOf(entries) };
}

const FOUND: readonly (readonly [string, Partial<InitramfsNeeds>, Partial<InitramfsNeeds>])[] = [
  ['a module is loaded that the initramfs never had', loading(...LOADED, 'nvidia'), {}],
  ['a module is loaded that was not left out', loading(...LOADED, 'usbhid'), {}],
  ['a module is unloaded', {}, loading(...LOADED, 'tg3')],
  ['a device is taken out', { devices: read(DEVICES.slice(1)) }, {}],
];
for (const [what, change, before] of FOUND)
  test(`when ${what}, what was trimmed before is found`, () =>
    assert.equal(prepareAfter(change, before).wasThere, true));

const MADE_ANEW: readonly (readonly [string, Partial<InitramfsNeeds>, readonly string[]])[] = [
  ['a module is loaded that was left out', loading(...LOADED, 'tg3'), [...NEEDED_MODULES, 'tg3'].sort()],
  [
    'a device is plugged in',
    { devices: read([...DEVICES, { path: '/sys/devices/a', modalias: 'usb:v1', module: undefined }]) },
    NEEDED_MODULES,
  ],
  [
    'the loaded modules cannot be read any more',
    { loadedModules: unreadable('/proc/modules') },
    Object.keys(SOME_MODULES).map(moduleName).sort(),
  ],
];
for (const [what, change, modules] of MADE_ANEW)
  test(`when ${what}, the initramfs is made anew with what it takes, and found from then on`, () =>
    assert.deepEqual(prepareAfter(change), { wasThere: false, modules }));

test('what could not be trimmed fits the machine whatever it gets', () => {
  using boot = buildBoot();
  const first = boot.prepare({ needs: virtioNeeds() });
  assert.match(first.record.initramfs?.untrimmedBecause ?? '', /no modules/);
  const second = boot.prepare({ needs: virtioNeeds({ ...loading('tg3'), devices: read([]) }) });
  assert.deepEqual([second.wasThere, second.folder], [true, first.folder]);
});

test('what was trimmed for more is found by its content, too, as after a mount that gives files other numbers', () => {
  using boot = buildBoot(initramfsWithModules());
  const first = boot.prepare({ needs: virtioNeeds(loading(...LOADED, 'tg3')) }, () => 1);
  utimesSync(boot.image, new Date(0), new Date(1));
  const less = boot.prepare({ needs: virtioNeeds() }, () => 2);
  assert.deepEqual([less.wasThere, less.folder], [true, first.folder]);
  using other = buildBoot(initramfsWithModules());
  other.prepare({ needs: virtioNeeds() });
  utimesSync(other.image, new Date(0), new Date(1));
  assert.equal(other.prepare({ needs: virtioNeeds(loading(...LOADED, 'tg3')) }).wasThere, false);
});
