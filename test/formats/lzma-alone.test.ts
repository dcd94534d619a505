import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLzmaAlone, isLzmaAlone } from '../../src/formats/lzma-alone.ts';
import { packedSample, SAMPLE } from '../support/packed-samples.ts';
import { packingInputs, packWith, whyNot } from '../support/packing-tools.ts';

function unpack(bytes: Uint8Array, maxOutputBytes = 1 << 20): Buffer {
  return Buffer.from(decodeLzmaAlone({ bytes, name: 'a.lzma', maxOutputBytes, extent: 'all' }).bytes);
}

/** The sample with its size in the header, in front of the end marker that says it too. */
function withSize(size: number): Uint8Array {
  const copy = packedSample('lzma');
  new DataView(copy.buffer).setBigUint64(5, BigInt(size), true);
  return copy;
}

for (const properties of ['lc=0,lp=2,pb=0', 'lc=4,lp=0,pb=4', 'lc=0,lp=4,pb=2'])
  test(`what xz packs with ${properties} comes back`, { skip: whyNot('xz') }, () => {
    const args = ['--format=lzma', `--lzma1=${properties},dict=64KiB`, '-c'];
    for (const content of packingInputs()) assert.ok(unpack(packWith('xz', args, content)).equals(content));
  });

test('an end marker may follow the size', () => {
  assert.deepEqual(unpack(withSize(SAMPLE.length)), SAMPLE);
});

test('a size that the data does not have is refused', () => {
  assert.throws(() => unpack(withSize(SAMPLE.length + 1)), { code: 'E_FORMAT', message: /ends badly/ });
  assert.throws(() => unpack(withSize(SAMPLE.length - 1)), { code: 'E_FORMAT', message: /ends badly/ });
  assert.throws(() => unpack(withSize(2 ** 37)), { code: 'E_UNSUPPORTED' });
});

test('a header that no encoder writes is not taken for one', () => {
  assert.ok(isLzmaAlone(packedSample('lzma')));
  for (const [offset, value] of [
    [0, 0x5e],
    [2, 0x01],
    [11, 0x00],
    [13, 0x01],
  ] as const) {
    const copy = packedSample('lzma');
    copy[offset] = value;
    assert.equal(isLzmaAlone(copy), false, `byte ${offset}`);
  }
});
