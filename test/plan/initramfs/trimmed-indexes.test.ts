import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CpioEntry } from '../../../src/formats/cpio.ts';
import { cpioFile, encodeCpio } from '../../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../../src/formats/initramfs.ts';
import { moduleName } from '../../../src/formats/module-file.ts';
import { parseModuleIndex } from '../../../src/formats/module-index.ts';
import { trimInitramfs } from '../../../src/plan/initramfs/trim-initramfs.ts';
import {
  initramfsEntries,
  NEEDED_MODULES,
  RELEASE,
  SOME_MODULES,
  trimImage,
  trimRequest,
} from '../../support/initramfs-builder.ts';

test('no index names what went, and everything else in them stays', () => {
  const { entries } = trimImage();
  const content = (name: string) => entries.find((one) => one.name.endsWith(`/${name}`))!.bytes;
  const text = (name: string) => Buffer.from(content(name)).toString();
  assert.deepEqual(
    parseModuleIndex(content('modules.dep.bin')).map(({ key }) => key),
    NEEDED_MODULES,
    RELEASE,
  );
  assert.deepEqual(
    text('modules.dep')
      .trim()
      .split('\n')
      .map((line) => moduleName(line.split(':')[0]!))
      .sort(),
    NEEDED_MODULES,
    RELEASE,
  );
  assert.equal(
    text('modules.alias'),
    '# by depmod\nalias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\nalias virtio:d00000002v* virtio_blk\n' +
      'alias fs-ext4 ext4\nalias crypto-crc32c crc32c_generic\n',
  );
  assert.deepEqual(parseModuleIndex(content('modules.symbols.bin')), [
    { key: 'symbol:register_virtio_driver', value: 'virtio', priority: 0 },
  ]);
  assert.equal(text('modules.symbols'), '# by depmod\nalias symbol:register_virtio_driver virtio\n');
  assert.equal(text('modules.softdep'), 'softdep ext4 pre: crypto-crc32c\n');
});

test('a damaged index leaves all as it was', () => {
  const entries = initramfsEntries({ modules: SOME_MODULES }).map((entry) =>
    entry.name.endsWith('symbols.bin') ? { ...entry, bytes: entry.bytes.subarray(0, 30) } : entry,
  );
  const result = trimInitramfs(readInitramfs(encodeCpio(entries), 'initrd'), trimRequest());
  assert.match(result.obstacle ?? '', /module index/);
  assert.deepEqual(result.entries.length, entries.length);
});

/** As `SOME_MODULES`, each packed by itself. */
const PACKED_MODULES = Object.fromEntries(
  Object.entries(SOME_MODULES).map(([path, module]) => [`${path}.gz`, module]),
);

test('packed modules that stay are unpacked, under the names and paths of plain ones', () => {
  for (const indexes of ['both', 'binary', 'text'] as const) {
    const packed = trimImage({ modules: PACKED_MODULES, indexes });
    const plain = trimImage({ indexes });
    assert.deepEqual(
      packed.entries.map(({ name, bytes }) => [name, [...bytes]]),
      plain.entries.map(({ name, bytes }) => [name, [...bytes]]),
    );
    assert.deepEqual(packed.kept, plain.kept);
  }
});

test('all modules stay packed when one of them is damaged, or its plain name is taken', () => {
  const damage = (entry: CpioEntry): CpioEntry =>
    entry.name.endsWith('/jbd2.ko.gz') ? { ...entry, bytes: entry.bytes.subarray(0, 30) } : entry;
  const entries = initramfsEntries({ modules: PACKED_MODULES });
  const taken = cpioFile(`usr/lib/modules/${RELEASE}/kernel/fs/jbd2/jbd2.ko`, Buffer.from('another'));
  for (const image of [entries.map(damage), [...entries, taken]]) {
    const result = trimInitramfs(readInitramfs(encodeCpio(image), 'initrd'), trimRequest());
    assert.equal(result.obstacle, undefined);
    assert.ok(result.entries.some(({ name }) => name.endsWith('/ext4.ko.gz')));
    const dependencies = result.entries.find(({ name }) => name.endsWith('/modules.dep'))!;
    assert.match(
      Buffer.from(dependencies.bytes).toString(),
      /ext4\.ko\.gz: kernel\/fs\/jbd2\/jbd2\.ko\.gz\n/,
    );
  }
});
