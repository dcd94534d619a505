import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { KhopError } from '../../src/error.ts';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { unwrapImage } from '../../src/plan/unwrap-image.ts';
import { initramfsMemory, kernelMemory } from '../../src/prepare/fitting.ts';
import { readPreparedInitramfs, readPreparedKernel } from '../../src/prepare/prepared-store.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { read, unreadable } from '../support/machine-facts.ts';
import { buildBoot } from '../support/prepared-boot.ts';
import { bytesReleasedBy } from '../support/released-bytes.ts';
import {
  buildKernelImage,
  buildVmlinux,
  PLACES,
  relocationTable,
} from '../support/unpacked-kernel-builder.ts';

const MIB = 2 ** 20;
const ARCHIVE = encodeCpio([cpioFile('init', Buffer.alloc(64 * MIB), 0o755)]);
const PACKED = zstdCompressSync(ARCHIVE);

function available(mebibytes: number) {
  return { memoryAvailableBytes: read(BigInt(mebibytes * MIB), '/proc/meminfo') };
}

test('an initramfs that there is no memory to unpack is left out, with the figures, until there is', () => {
  using boot = buildBoot({ 'boot/initrd.img': PACKED });
  const alone = boot.prepare(available(90));
  assert.ok(readPreparedKernel(alone) !== undefined);
  assert.equal(readPreparedInitramfs(alone), undefined);
  const reason = /^preparing it takes about 97 MiB of memory, and 90 MiB are available$/;
  assert.match(alone.record.initramfsObstacle ?? '', reason);
  const again = boot.prepare(available(80));
  assert.deepEqual([again.wasThere, again.folder], [true, alone.folder]);
  assert.match(again.record.initramfsObstacle ?? '', /and 80 MiB are available$/);
  assert.ok(readPreparedInitramfs(boot.prepare(available(100))) !== undefined);
  assert.ok(readPreparedInitramfs(boot.prepare(available(10))) !== undefined, 'what is there is used');
});

test('packing it takes more', () => {
  using boot = buildBoot({ 'boot/initrd.img': PACKED });
  const { record } = boot.prepare({ ...available(100), packing: 'lz4' });
  assert.match(record.initramfsObstacle ?? '', /^preparing it takes about 129 MiB/);
  assert.ok(boot.prepare({ ...available(135), packing: 'lz4' }).record.initramfs !== null);
});

test('without memory for the kernel nothing is tried', () => {
  using boot = buildBoot({ 'boot/initrd.img': PACKED });
  assert.throws(
    () => boot.prepare(available(20)),
    (error) => {
      assert.ok(error instanceof KhopError && error.code === 'E_REFUSED');
      assert.match(
        error.message,
        /^the kernel is not prepared: preparing it takes about 33 MiB of memory, and 20 /,
      );
      return true;
    },
  );
  assert.equal(existsSync(boot.prepared) && readdirSync(boot.prepared).length > 0, false);
});

test('an initramfs alone, without memory for it, is no entry', () => {
  using boot = buildBoot({ 'boot/vmlinuz': buildBzImage(), 'boot/initrd.img': PACKED });
  assert.throws(() => boot.prepare(available(90)), /preparing it takes about 97 MiB/);
});

test('where the machine does not say what it has, all is prepared', () => {
  using boot = buildBoot({ 'boot/initrd.img': PACKED });
  const { record } = boot.prepare({ memoryAvailableBytes: unreadable('/proc/meminfo') });
  assert.ok(record.initramfs !== null);
});

test('a kernel takes twice what it is unpacked to, and one that will not be takes nothing', () => {
  const size = buildVmlinux().length + relocationTable(PLACES).length;
  const image = (bytes: Uint8Array) => kernelMemory(unwrapImage({ name: 'k', path: undefined, bytes }));
  assert.equal(image(buildKernelImage()), 2 * size);
  assert.equal(image(buildBzImage()), 0);
  assert.equal(image(buildVmlinux()), 0);
});

test('a plain archive takes nothing but what it is packed to, beside what of it is not in its file', () => {
  const initrd = { name: 'initrd', path: undefined, bytes: ARCHIVE };
  assert.equal(initramfsMemory(undefined, undefined, 'none'), 0);
  assert.equal(initramfsMemory(initrd, undefined, 'none'), ARCHIVE.length);
  assert.equal(initramfsMemory(initrd, undefined, 'lz4'), 1.5 * ARCHIVE.length);
});

test('what was unpacked is given back when it is written', () => {
  for (const packing of ['none', 'lz4'] as const) {
    using boot = buildBoot({ 'boot/initrd.img': PACKED });
    const released = bytesReleasedBy(() => boot.prepare({ packing }));
    assert.ok(released >= ARCHIVE.length, `${packing}: ${released} bytes`);
  }
});
