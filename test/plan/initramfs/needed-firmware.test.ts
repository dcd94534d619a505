import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpioSymlink, encodeCpio } from '../../../src/formats/cpio-writer.ts';
import { readInitramfs } from '../../../src/formats/initramfs.ts';
import { trimInitramfs } from '../../../src/plan/initramfs/trim-initramfs.ts';
import {
  FIRMWARE_FILES,
  initramfsEntries,
  SOME_MODULES,
  trimImage,
  trimRequest,
} from '../../support/initramfs-builder.ts';

test('firmware goes with the modules that alone name it', () => {
  const { dropped, kept } = trimImage({
    modules: {
      ...SOME_MODULES,
      'kernel/fs/ext4/ext4.ko': { ...SOME_MODULES['kernel/fs/ext4/ext4.ko'], firmware: ['share?.bin'] },
    },
    files: FIRMWARE_FILES,
  });
  assert.deepEqual(
    dropped.firmware.map(({ name }) => name).sort(),
    Object.keys(FIRMWARE_FILES)
      .filter((name) => name.includes('tigon'))
      .sort(),
  );
  assert.deepEqual(kept.firmware, { count: 2, bytes: 2 });
});

test('firmware that a link leads to stays with the link', () => {
  const entries = [
    ...initramfsEntries({
      modules: {
        ...SOME_MODULES,
        'kernel/fs/xfs/xfs.ko': { firmware: ['real/a.bin'] },
        'kernel/fs/jbd2/jbd2.ko': { firmware: ['a.bin'] },
      },
      files: { 'usr/lib/firmware/real/a.bin': 'a' },
    }),
    cpioSymlink('usr/lib/firmware/a.bin', 'real/./x/../a.bin'),
  ];
  const { dropped } = trimInitramfs(readInitramfs(encodeCpio(entries), 'initrd'), trimRequest());
  assert.deepEqual(dropped.firmware, []);
});

test('all firmware stays when a module that stays cannot be read', () => {
  const entries = initramfsEntries({ modules: SOME_MODULES, files: FIRMWARE_FILES }).map((entry) =>
    entry.name.endsWith('/ext4.ko') ? { ...entry, bytes: Buffer.from('damaged') } : entry,
  );
  const result = trimInitramfs(readInitramfs(encodeCpio(entries), 'initrd'), trimRequest());
  assert.deepEqual(result.dropped.firmware, []);
  assert.ok(result.dropped.modules.length > 0);
});
