import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { bzImagePayload, isBzImage, parseBzImage } from '../../src/formats/bzimage.ts';
import { buildBzImage } from '../support/bzimage-builder.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

/** A copy of `image` with one field overwritten, little-endian. */
function withField(image: Uint8Array, offset: number, width: 1 | 2 | 4, value: number): Uint8Array {
  const copy = image.slice();
  for (let i = 0; i < width; i++) copy[offset + i] = (value >>> (8 * i)) & 0xff;
  return copy;
}

describe('parseBzImage', () => {
  it('reads every field where boot.rst puts it', () => {
    const image = parseBzImage(
      buildBzImage({ initSize: 0x3378000, prefAddress: 0x1_2345_6000n, xloadFlags: 0x73, loadFlags: 0x81 }),
    );
    assert.equal(image.setupSects, 3);
    assert.equal(image.protocolVersion, 0x20f);
    assert.deepEqual(image.loadFlags, {
      bits: 0x81,
      isLoadedHigh: true,
      isKaslrEnabled: false,
      isQuiet: false,
      keepsSegments: false,
      canUseHeap: true,
    });
    assert.deepEqual(image.xloadFlags, {
      bits: 0x73,
      isKernel64: true,
      canBeLoadedAbove4G: true,
      hasEfiHandover32: false,
      hasEfiHandover64: false,
      supportsEfiKexec: true,
      supportsFiveLevelPaging: true,
      isFiveLevelPagingEnabled: true,
      supportsMemoryEncryption: false,
    });
    assert.equal(image.initSize, 0x3378000);
    assert.equal(image.prefAddress, 0x1_2345_6000n);
    assert.equal(image.kernelAlignment, 0x200000n);
    assert.equal(image.isRelocatable, true);
    assert.equal(image.commandLineSize, 2047);
    assert.equal(image.initrdAddressMax, 0x7fffffffn);
    assert.equal(image.handoverOffset, 0x190);
    assert.equal(image.kernelVersion, '6.1.0-test-amd64 (builder@test) #1 SMP');
    assert.equal(image.kernelRelease, '6.1.0-test-amd64');
  });

  it('cuts the setup header where the jump at 0x200 ends it', () => {
    const bytes = buildBzImage();
    const { setupHeader } = parseBzImage(bytes);
    assert.equal(setupHeader.length, 0x26c - 0x1f1);
    assert.deepEqual(setupHeader, bytes.subarray(0x1f1, 0x26c));
  });

  it('takes four setup sectors for a setup_sects of zero', () => {
    const bytes = buildBzImage({ setupSects: 0 });
    const image = parseBzImage(bytes);
    assert.equal(image.setupSects, 4);
    assert.equal(image.protectedModeKernel.byteOffset - bytes.byteOffset, 5 * 512);
  });

  it('gives the payload without the size that the build appends, whatever its length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(0xffffffff), (compressed, size) => {
        const appended = new Uint8Array(4);
        new DataView(appended.buffer).setUint32(0, size, true);
        const payload = Uint8Array.from([...compressed, ...appended]);
        fc.pre(payload[0] !== 0x1f);
        assert.deepEqual(bzImagePayload(parseBzImage(buildBzImage({ payload }))), {
          compressed,
          uncompressedSize: size,
        });
      }),
    );
  });

  it('takes the size out of a gzip payload itself, to which nothing is appended', () => {
    const payload = new Uint8Array(gzipSync(new Uint8Array(70_000)));
    assert.deepEqual(bzImagePayload(parseBzImage(buildBzImage({ payload }))), {
      compressed: payload,
      uncompressedSize: 70_000,
    });
  });

  it('says so when there is no payload', () => {
    const image = parseBzImage(buildBzImage({ payload: new Uint8Array(0) }));
    assert.throws(() => bzImagePayload(image), { code: 'E_FORMAT', message: /no payload/ });
  });

  it('loads what follows the end of syssize, as a signed image has it', () => {
    const appended = new Uint8Array(40).fill(0xcc);
    const { protectedModeKernel } = parseBzImage(buildBzImage({ appended }));
    assert.deepEqual(protectedModeKernel.slice(-40), appended);
  });

  it('has no version where the pointer is zero or leaves the setup sectors', () => {
    const bytes = buildBzImage();
    assert.equal(parseBzImage(withField(bytes, 0x20e, 2, 0)).kernelVersion, undefined);
    assert.equal(parseBzImage(withField(bytes, 0x20e, 2, 3 * 512)).kernelRelease, undefined);
  });

  it('does not pass control characters of the version on', () => {
    const { kernelVersion } = parseBzImage(buildBzImage({ kernelVersion: '6.1\x1b[2J\x07 x' }));
    assert.equal(kernelVersion, '6.1?[2J? x');
  });
});

describe('parseBzImage refuses', () => {
  const bytes = buildBzImage();
  const refusals: readonly [string, Uint8Array, string, RegExp][] = [
    ['bytes without HdrS', withField(bytes, 0x202, 1, 0), 'E_FORMAT', /magic number "HdrS"/],
    ['a boot protocol before 2.12', buildBzImage({ protocolVersion: 0x20b }), 'E_UNSUPPORTED', /2\.11/],
    ['an empty protected-mode kernel', withField(bytes, 0x1f4, 4, 0), 'E_FORMAT', /syssize/],
    ['a kernel cut short', withField(bytes, 0x1f4, 4, 0xffffffff), 'E_FORMAT', /protected-mode kernel/],
    ['an alignment of zero', withField(bytes, 0x230, 4, 0), 'E_FORMAT', /power of two/],
    ['an alignment of three', withField(bytes, 0x230, 4, 3), 'E_FORMAT', /power of two/],
    ['less memory than the kernel has bytes', buildBzImage({ initSize: 16 }), 'E_FORMAT', /init_size/],
    ['a payload outside the file', withField(bytes, 0x24c, 4, 0xfffffff0), 'E_FORMAT', /payload/],
    ['a header too short for its protocol', withField(bytes, 0x201, 1, 0x20), 'E_FORMAT', /setup header/],
    ['a header that would overwrite boot_params', withField(bytes, 0x201, 1, 0xff), 'E_FORMAT', /0x301/],
  ];
  for (const [what, image, code, message] of refusals)
    it(what, () => assert.throws(() => parseBzImage(image), { code, message }));

  it('every prefix that lacks a part of the kernel', () => {
    assertSurvivesTruncation(parseBzImage, bytes, bytes.length);
  });

  it('damage with an error of its own, or gives a value', () => {
    assertSurvivesDamage(parseBzImage, bytes, { start: 0x1f0, end: 0x270 });
  });
});

describe('isBzImage', () => {
  it('asks without throwing, for bytes of any length', () => {
    const bytes = buildBzImage();
    assert.equal(isBzImage(bytes), true);
    for (let length = 0; length < 0x206; length++) assert.equal(isBzImage(bytes.slice(0, length)), false);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 700 }), (noise) => isBzImage(noise) === false));
  });
});
