import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { isUimage, parseUimage } from '../../src/formats/uimage.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { buildUimage } from '../support/uimage-builder.ts';

const KERNEL = new Uint8Array(77).fill(0x4b);
const RAMDISK = new Uint8Array(6).fill(0x52);

/** With the header's checksum made right again. */
function resealed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.fill(0, 4, 8);
  new DataView(copy.buffer).setUint32(4, crc32(copy.subarray(0, 64)));
  return copy;
}

describe('parseUimage', () => {
  it('reads the header and the one file', () => {
    assert.deepEqual(parseUimage(buildUimage([KERNEL], { name: 'Linux-6.1' })), {
      name: 'Linux-6.1',
      operatingSystem: 'linux',
      architecture: 'arm64',
      type: 'kernel',
      compression: 'gzip',
      loadAddress: 0x8_0000n,
      entryAddress: 0x8_0000n,
      files: [KERNEL],
    });
  });

  it('takes a multi image apart, whatever the padding between its files', () => {
    const { type, files } = parseUimage(buildUimage([KERNEL, RAMDISK, KERNEL], { type: 4 }));
    assert.equal(type, 'multi');
    assert.deepEqual(
      files.map((file) => Uint8Array.from(file)),
      [KERNEL, RAMDISK, KERNEL],
    );
  });

  it('names numbers it has no word for', () => {
    const image = parseUimage(buildUimage([KERNEL], { operatingSystem: 17, architecture: 99, type: 9 }));
    assert.deepEqual([image.operatingSystem, image.architecture, image.type], ['os 17', 'arch 99', 'type 9']);
  });

  it('leaves a Buffer, whose slice would be a view, as it was', () => {
    const bytes = Buffer.from(buildUimage([KERNEL]));
    const before = Buffer.from(bytes);
    parseUimage(bytes);
    assert.deepEqual(bytes, before);
  });
});

describe('parseUimage refuses', () => {
  const bytes = buildUimage([KERNEL]);

  it('a header or data whose checksum is wrong', () => {
    for (const [at, field] of [
      [33, /ih_hcrc/],
      [100, /ih_dcrc/],
    ] as const) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1;
      assert.throws(() => parseUimage(damaged), { code: 'E_FORMAT', message: field });
    }
  });

  it('a multi image whose sizes are more than its data', () => {
    const multi = buildUimage([KERNEL, RAMDISK], { type: 4 });
    const view = new DataView(multi.buffer);
    view.setUint32(64 + 4, 0x7fff_ffff);
    view.setUint32(24, crc32(multi.subarray(64)));
    assert.throws(() => parseUimage(resealed(multi)), { code: 'E_FORMAT', message: /part/ });
  });

  it('every prefix', () => {
    assertSurvivesTruncation(parseUimage, bytes, bytes.length);
    assert.equal(isUimage(bytes.subarray(0, 63)), false);
  });

  it('damage, also under a right header checksum, with an error of its own', () => {
    assertSurvivesDamage(parseUimage, bytes);
    assertSurvivesDamage((damaged) => parseUimage(resealed(damaged)), buildUimage([KERNEL], { type: 4 }));
  });
});
