import assert from 'node:assert/strict';
import fs, { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { encodePreparedRecord } from '../../src/prepare/prepared-record.ts';
import { removeOutdated } from '../../src/prepare/prepared-removal.ts';
import { virtioNeeds } from '../support/initramfs-builder.ts';
import { read } from '../support/machine-facts.ts';
import { buildBoot, initramfsWithModules } from '../support/prepared-boot.ts';
import { buildKernelImage, relocationTable } from '../support/unpacked-kernel-builder.ts';

test('outdated entries are those whose files are gone or have changed; the others stay', () => {
  using boot = buildBoot();
  const [second, third] = [`${boot.image}.2`, `${boot.image}.3`];
  writeFileSync(second, buildKernelImage({ table: relocationTable([[8], []]) }));
  writeFileSync(third, buildKernelImage({ packing: 'gzip' }));
  const [kept, changed, gone] = [boot.image, second, third].map((image) => boot.prepare({ image }));
  writeFileSync(second, 'x', { flag: 'a' });
  rmSync(third);
  const removed = removeOutdated(boot.cache).map(({ folder }) => basename(folder));
  assert.deepEqual(removed.toSorted(), [changed!.record.key, gone!.record.key].toSorted());
  assert.deepEqual(readdirSync(boot.prepared), [kept!.record.key]);
  assert.deepEqual(removeOutdated(boot.cache), []);
});

test('files that have another inode or device since, as after a remount, are no others', () => {
  using boot = buildBoot(initramfsWithModules());
  const entries = (['tg3', 'xfs'] as const).map((module, index) =>
    boot.prepare({ needs: needsWith(module) }, () => index),
  );
  for (const { folder, record } of entries) {
    const image = { ...record.image, inode: '1', device: '2' };
    writeFileSync(join(folder, 'prepared.json'), encodePreparedRecord({ ...record, image }));
  }
  assert.deepEqual(removeOutdated(boot.cache), []);
  const newest = boot.prepare({ needs: needsWith('sd_mod') }, () => 3);
  assert.deepEqual(readdirSync(boot.prepared).toSorted(), [entries[1]!, newest].map(keyOf).toSorted());
});

test('an entry is outdated when one of its initrds is', () => {
  using boot = buildBoot();
  boot.prepare();
  rmSync(boot.initrd);
  assert.equal(removeOutdated(boot.cache).length, 1);
});

test('an entry whose record is not understood is outdated; what is no entry stays', () => {
  using boot = buildBoot();
  const { folder } = boot.prepare();
  const other = boot.prepare({ initrds: [] });
  const notOurs = join(boot.prepared, 'notes');
  mkdirSync(notOurs);
  writeFileSync(join(folder, 'prepared.json'), '{ "version": 1, "recipe": 1 }');
  assert.deepEqual(removeOutdated(boot.cache), [{ folder }]);
  assert.deepEqual(readdirSync(boot.prepared).toSorted(), [keyOf(other), 'notes'].toSorted());
});

test('without a cache there is nothing to remove', () => {
  using boot = buildBoot();
  assert.deepEqual(removeOutdated(boot.cache), []);
});

/** What a machine needs of an initramfs once this module is loaded: another one than with each of the others. */
function needsWith(module: 'tg3' | 'virtio_net' | 'sd_mod' | 'xfs') {
  return virtioNeeds({ loadedModules: read(new Set([module])) });
}

test('a machine that changes leaves two entries for the same files, however often it does', () => {
  using boot = buildBoot(initramfsWithModules());
  const complete = boot.prepare({}, () => 1);
  const first = boot.prepare({ needs: needsWith('tg3') }, () => 2);
  assert.deepEqual(readdirSync(boot.prepared).toSorted(), [complete, first].map(keyOf).toSorted());
  const all = (['virtio_net', 'sd_mod', 'xfs'] as const).map((module, index) =>
    boot.prepare({ needs: needsWith(module) }, () => 3 + index),
  );
  assert.equal(new Set([complete, first, ...all].map(keyOf)).size, 5);
  assert.deepEqual(readdirSync(boot.prepared).toSorted(), all.slice(1).map(keyOf).toSorted());
});

test('what is made anew replaces what would have served, and nothing else', () => {
  using boot = buildBoot(initramfsWithModules());
  const complete = boot.prepare({}, () => 1);
  const forMore = boot.prepare({ needs: virtioNeeds() }, () => 2);
  const forLess = boot.prepare(
    { needs: virtioNeeds({ loadedModules: read(new Set()) }), isForced: true },
    () => 0,
  );
  assert.notEqual(forLess.folder, forMore.folder);
  assert.deepEqual(readdirSync(boot.prepared).toSorted(), [complete, forLess].map(keyOf).toSorted());
});

test('what was just prepared stays, even when the clock was set back', () => {
  using boot = buildBoot(initramfsWithModules());
  for (const [index, module] of (['tg3', 'xfs', 'sd_mod'] as const).entries()) {
    const { record, folder } = boot.prepare({ needs: needsWith(module) }, () => 1000 - index);
    assert.ok(readdirSync(boot.prepared).includes(record.key), folder);
  }
  assert.equal(readdirSync(boot.prepared).length, 2);
});

test('a surplus entry that cannot be removed is left, and what was prepared counts all the same', (t) => {
  using boot = buildBoot(initramfsWithModules());
  const all = (['tg3', 'xfs'] as const).map((module, index) =>
    boot.prepare({ needs: needsWith(module) }, () => 1 + index),
  );
  const { folder } = all[0]!;
  const remove = fs.rmSync;
  t.mock.method(fs, 'rmSync', (path: string, options: fs.RmOptions) => {
    if (path === folder) throw new Error('EPERM: operation not permitted');
    remove(path, options);
  });
  syncBuiltinESMExports();
  try {
    const { record } = boot.prepare({ needs: needsWith('sd_mod') }, () => 3);
    assert.deepEqual(readdirSync(boot.prepared).toSorted(), [...all.map(keyOf), record.key].toSorted());
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test('entries for other kernels are no surplus', () => {
  using boot = buildBoot();
  const images = ['1', '2', '3'].map((name) => `${boot.image}.${name}`);
  for (const [index, image] of images.entries())
    writeFileSync(image, buildKernelImage({ table: relocationTable([[8 * index], []]) }));
  const all = images.map((image) => boot.prepare({ image }));
  assert.deepEqual(readdirSync(boot.prepared).toSorted(), all.map(keyOf).toSorted());
});

function keyOf({ record }: { readonly record: { readonly key: string } }): string {
  return record.key;
}
