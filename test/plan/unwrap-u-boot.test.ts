import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { unwrapImage } from '../../src/plan/unwrap-image.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { buildFit } from '../support/fit-builder.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { buildUimage } from '../support/uimage-builder.ts';

const KERNEL = buildBzImage();
const PACKED = new Uint8Array(gzipSync(KERNEL));
const RAMDISK = new Uint8Array(Buffer.from('070701 ramdisk'));

const FIT = buildFit({
  images: [
    { name: 'old', type: 'kernel', bytes: new Uint8Array(9) },
    { name: 'new', type: 'kernel', compression: 'gzip', bytes: PACKED },
    { name: 'rd', type: 'ramdisk', bytes: RAMDISK },
  ],
  configurations: [
    { name: 'conf-new', parts: { kernel: ['new'], ramdisk: ['rd'] } },
    { name: 'conf-old', parts: { kernel: ['old'] } },
  ],
});

const unwrap = (bytes: Uint8Array) => unwrapImage({ name: 'image', path: '/boot/image', bytes });

describe('unwrapping U-Boot’s containers', () => {
  it('takes kernel and ramdisk of the default configuration out of a FIT', () => {
    const { kind, kernel, initrds, wrappings } = unwrap(FIT);
    assert.deepEqual([kind, wrappings], ['bzimage', ['fit', 'gzip']]);
    assert.deepEqual(Buffer.from(kernel.bytes), Buffer.from(KERNEL));
    assert.deepEqual(
      initrds.map((initrd) => [initrd.name, Uint8Array.from(initrd.bytes)]),
      [['rd of image', RAMDISK]],
    );
  });

  it('takes the kernel out of a legacy image, and the ramdisk out of one with several files', () => {
    assert.deepEqual(unwrap(buildUimage([PACKED])).wrappings, ['uimage', 'gzip']);
    const multi = unwrap(buildUimage([KERNEL, RAMDISK, new Uint8Array(4)], { type: 4, compression: 0 }));
    assert.deepEqual(
      [multi.wrappings, multi.initrds.map((initrd) => initrd.name)],
      [['uimage'], ['the ramdisk in image']],
    );
  });

  it('refuses a container with something else in it, and a kernel whose hash is wrong', () => {
    assert.throws(() => unwrap(buildUimage([RAMDISK], { type: 3 })), {
      code: 'E_FORMAT',
      message: /type ramdisk/,
    });
    const none = buildFit({
      images: [{ name: 'rd', type: 'ramdisk', bytes: RAMDISK }],
      configurations: [],
    });
    assert.throws(() => unwrap(none), { code: 'E_FORMAT', message: /without a kernel/ });
    const damaged = FIT.slice();
    damaged[Buffer.from(FIT).indexOf(Buffer.from(PACKED)) + 40]! ^= 1;
    assert.throws(() => unwrap(damaged), { code: 'E_FORMAT', message: /sha256 of image new is wrong/ });
  });

  it('survives truncation and damage', () => {
    assertSurvivesTruncation(unwrap, FIT, FIT.length, 300);
    assertSurvivesDamage(unwrap, FIT, undefined, 500);
    assertSurvivesDamage(unwrap, buildUimage([PACKED]), { start: 0, end: 64 }, 200);
  });
});
