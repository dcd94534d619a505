import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeFdt, parseFdt } from '../../src/formats/fdt.ts';
import { fitImage, isFit, parseFit } from '../../src/formats/fit.ts';
import { verifyFitImage } from '../../src/formats/fit-hash.ts';
import { buildFit, type FitSpec } from '../support/fit-builder.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';

const KERNEL = new Uint8Array(101).fill(0x11);
const TREE = new Uint8Array(40).fill(0x22);
const RAMDISK = new Uint8Array(66).fill(0x33);

const SPEC: FitSpec = {
  images: [
    { name: 'kernel-1', type: 'kernel', compression: 'gzip', load: 0x4020_0000, bytes: KERNEL },
    { name: 'fdt-1', type: 'flat_dt', bytes: TREE },
    { name: 'ramdisk-1', type: 'ramdisk', bytes: RAMDISK },
  ],
  configurations: [
    {
      name: 'conf-1',
      parts: {
        kernel: ['kernel-1'],
        fdt: ['fdt-1', 'overlay-1'],
        ramdisk: ['ramdisk-1'],
        compatible: ['a,b'],
      },
    },
    { name: 'conf-2', parts: { kernel: ['kernel-1'] } },
  ],
};

/** Everything a reader can be asked of a file. */
function readAll(bytes: Uint8Array): unknown {
  return [isFit(bytes), ...parseFit(bytes).images.map(verifyFitImage)];
}

describe('parseFit', () => {
  for (const data of ['inside', 'offset', 'position'] as const)
    it(`reads images whose data are found by ${data}`, () => {
      const fit = parseFit(buildFit({ ...SPEC, data }));
      assert.deepEqual(
        fit.images.map((image) => [image.name, image.type, image.compression, image.loadAddress]),
        [
          ['kernel-1', 'kernel', 'gzip', 0x4020_0000n],
          ['fdt-1', 'flat_dt', 'none', undefined],
          ['ramdisk-1', 'ramdisk', 'none', undefined],
        ],
      );
      assert.deepEqual(Uint8Array.from(fitImage(fit, 'kernel-1').bytes), KERNEL);
      assert.deepEqual(Uint8Array.from(fitImage(fit, 'ramdisk-1').bytes), RAMDISK);
      assert.deepEqual(fit.images.map(verifyFitImage), [['sha256'], ['sha256'], ['sha256']]);
    });

  it('reads which images go together, and which configuration is the default', () => {
    const fit = parseFit(buildFit(SPEC));
    assert.equal(fit.defaultConfiguration, 'conf-1');
    assert.deepEqual(fit.configurations, [
      {
        name: 'conf-1',
        description: '',
        kernel: 'kernel-1',
        ramdisk: 'ramdisk-1',
        deviceTrees: ['fdt-1', 'overlay-1'],
        loadables: [],
        compatible: ['a,b'],
      },
      {
        name: 'conf-2',
        description: '',
        kernel: 'kernel-1',
        ramdisk: undefined,
        deviceTrees: [],
        loadables: [],
        compatible: [],
      },
    ]);
  });

  it('is told from a plain device tree', () => {
    assert.equal(isFit(buildFit(SPEC)), true);
    const root = { name: '', properties: [], children: [] };
    const plain = encodeFdt({ reservations: [], bootCpu: 0, root });
    assert.equal(isFit(plain), false);
    assert.throws(() => parseFit(plain), { code: 'E_FORMAT', message: /\/images/ });
  });
});

describe('parseFit refuses', () => {
  it('data outside the file, and an image without any', () => {
    const whole = buildFit({ ...SPEC, data: 'offset' });
    assert.throws(() => parseFit(whole.subarray(0, whole.length - 70)), /data outside the file/);
    const images = {
      name: 'images',
      properties: [],
      children: [{ name: 'k', properties: [], children: [] }],
    };
    const root = { name: '', properties: [], children: [images] };
    assert.throws(() => parseFit(encodeFdt({ reservations: [], bootCpu: 0, root })), /image k.*has no data/);
  });

  it('a configuration that names an image which is not there', () => {
    assert.throws(() => fitImage(parseFit(buildFit(SPEC)), 'overlay-1'), {
      code: 'E_FORMAT',
      message: /overlay-1/,
    });
  });

  it('every prefix, and damage, with an error of its own', () => {
    const inside = buildFit(SPEC);
    assertSurvivesTruncation(readAll, inside, inside.length);
    assertSurvivesDamage(readAll, inside);
    assertSurvivesDamage(readAll, buildFit({ ...SPEC, data: 'offset' }));
  });
});

describe('verifyFitImage', () => {
  const image = fitImage(parseFit(buildFit(SPEC)), 'kernel-1');

  it('notices one changed bit', () => {
    const bytes = KERNEL.slice();
    bytes[50]! ^= 1;
    assert.throws(() => verifyFitImage({ ...image, bytes }), {
      code: 'E_FORMAT',
      message: /sha256 of image kernel-1 is wrong/,
    });
  });

  it('knows crc32 as a big-endian number', () => {
    const bytes = Buffer.from('123456789');
    const hashes = [{ algorithm: 'crc32', value: new Uint8Array([0xcb, 0xf4, 0x39, 0x26]) }];
    assert.deepEqual(verifyFitImage({ ...image, bytes, hashes }), ['crc32']);
  });

  it('does not pass over an algorithm that it does not know', () => {
    const hashes = [{ algorithm: 'sha4096', value: new Uint8Array(4) }];
    assert.throws(() => verifyFitImage({ ...image, hashes }), { code: 'E_UNSUPPORTED' });
  });

  it('claims nothing for an image without hashes', () => {
    assert.deepEqual(verifyFitImage({ ...image, hashes: [] }), []);
  });
});

describe('a FIT', () => {
  it('is still a device tree', () => {
    assert.equal(parseFdt(buildFit(SPEC)).root.children[0]?.name, 'images');
  });
});
