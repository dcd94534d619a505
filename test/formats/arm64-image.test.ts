import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { KhopError } from '../../src/error.ts';
import { isArm64Image, parseArm64Image, parseZboot } from '../../src/formats/arm64-image.ts';
import { identifyImage } from '../../src/formats/image-kind.ts';
import { unwrapImage } from '../../src/plan/unwrap-image.ts';
import { assertSurvivesDamage } from '../support/hostile-bytes.ts';

function buildImage(flags: bigint, imageSize = 0x20_0000n): Uint8Array {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, 0x8_0000n, true);
  view.setBigUint64(16, imageSize, true);
  view.setBigUint64(24, flags, true);
  view.setUint32(0x38, 0x644d5241, true);
  return bytes;
}

function buildZboot(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(0x40 + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from('MZ\0\0zimg'), 0);
  view.setUint32(8, 0x40, true);
  view.setUint32(12, payload.length, true);
  bytes.set(Buffer.from('gzip\0'), 0x18);
  bytes.set(payload, 0x40);
  return bytes;
}

test('header flags give byte order, page size and placement', () => {
  for (const [flags, pageSize, isBigEndian, canBeAnywhere] of [
    [0n, undefined, false, false],
    [0b1010n, 4096, false, true],
    [0b0100n, 16384, false, false],
    [0b0111n, 65536, true, false],
  ] as const)
    assert.deepEqual(parseArm64Image(buildImage(flags)), {
      textOffset: 0x8_0000n,
      imageSize: 0x20_0000n,
      isBigEndian,
      pageSize,
      canBeAnywhere,
    });
});

test('an image size of zero, absurd, or below the file is refused', () => {
  for (const size of [0n, 1n << 40n, 100n])
    assert.throws(() => parseArm64Image(buildImage(0n, size)), /image_size/);
});

test('every prefix of the header is no image, and parsing it is an error of ours', () => {
  const image = buildImage(0n);
  for (let length = 0; length < 64; length++) {
    assert.equal(isArm64Image(image.subarray(0, length)), false);
    assert.throws(() => parseArm64Image(image.subarray(0, length)), KhopError);
  }
});

test('an EFI zboot image and a gzip file are unwrapped to the image in them', () => {
  const image = buildImage(0b1010n);
  const zboot = buildZboot(gzipSync(image));
  assert.equal(parseZboot(zboot).compression, 'gzip');
  assert.equal(identifyImage(zboot), 'zboot');
  for (const [bytes, wrappings] of [
    [zboot, ['zboot']],
    [gzipSync(image), ['gzip']],
    [gzipSync(zboot), ['gzip', 'zboot']],
  ] as const) {
    const unwrapped = unwrapImage({ name: 'Image', path: '/boot/Image', bytes });
    assert.equal(unwrapped.kind, 'arm64-image');
    assert.deepEqual(unwrapped.wrappings, wrappings);
    assert.deepEqual(Buffer.from(unwrapped.kernel.bytes), Buffer.from(image));
  }
});

test('a zboot payload that ends after the file is an error of ours', () => {
  const zboot = buildZboot(gzipSync(buildImage(0n)));
  for (let length = 0; length < zboot.length; length++)
    assert.throws(
      () => unwrapImage({ name: 'z', path: undefined, bytes: zboot.subarray(0, length) }),
      KhopError,
    );
});

test('damaged headers are an error of ours, or give a value', () => {
  assertSurvivesDamage(parseArm64Image, buildImage(0b1010n), { start: 0, end: 64 });
  assertSurvivesDamage(parseZboot, buildZboot(gzipSync(buildImage(0n))), { start: 0, end: 64 });
});

test('the name of a compression cannot steer a terminal', () => {
  const zboot = buildZboot(new Uint8Array(4));
  zboot.set(Buffer.from('\x1b[2J\0'), 0x18);
  assert.equal(parseZboot(zboot).compression, '?[2J');
});
