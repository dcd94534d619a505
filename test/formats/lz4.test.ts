import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLz4 } from '../../src/formats/lz4.ts';
import { xxhash32 } from '../../src/formats/xxhash32.ts';

function unpack(bytes: readonly number[] | Uint8Array, extent: 'first' | 'all', maxOutputBytes = 1 << 24) {
  const result = decodeLz4({ bytes: Uint8Array.from(bytes), name: 'a.lz4', maxOutputBytes, extent });
  return { text: Buffer.from(result.bytes).toString('latin1'), consumed: result.consumed };
}

const LEGACY = [0x02, 0x21, 0x4c, 0x18];
/** `abc`, then 10 bytes from 3 back, then `end`. */
const BLOCK = [0x36, 0x61, 0x62, 0x63, 0x03, 0x00, 0x30, 0x65, 0x6e, 0x64];
const UNPACKED = 'abcabcabcabcaend';
const SIZED_BLOCK = [BLOCK.length, 0, 0, 0, ...BLOCK];

test('XXH32 has its published values', () => {
  assert.equal(xxhash32(Buffer.from('')), 0x02cc5d05);
  assert.equal(xxhash32(Buffer.from('a')), 0x550d7456);
  assert.equal(xxhash32(Buffer.from('abc')), 0x32d153ff);
  assert.equal(xxhash32(Buffer.from('Nobody inspects the spammish repetition')), 0xe2293b2f);
});

test('a match may overlap what it writes', () => {
  assert.deepEqual(unpack([...LEGACY, ...SIZED_BLOCK], 'all'), { text: UNPACKED, consumed: 18 });
});

test('legacy blocks go on to the end of the file or the next frame', () => {
  const twoFrames = [...LEGACY, ...SIZED_BLOCK, ...SIZED_BLOCK, ...LEGACY, ...SIZED_BLOCK];
  assert.equal(unpack(twoFrames, 'all').text, UNPACKED.repeat(3));
});

test('the first legacy frame ends at zeros, at what no block can be, or at the size of its output', () => {
  const frame = [...LEGACY, ...SIZED_BLOCK];
  for (const tail of [[0, 0, 0, 0, 1], [UNPACKED.length, 0, 0, 0], [0x30, 0x37, 0x30, 0x37, 0x30, 0x31], [7]])
    assert.deepEqual(unpack([...frame, ...tail], 'first'), { text: UNPACKED, consumed: frame.length });
  assert.throws(() => unpack([...frame, ...SIZED_BLOCK.slice(0, -1)], 'first'), { code: 'E_FORMAT' });
});

test('matches before the beginning, and blocks without a last literal, are refused', () => {
  const block = (bytes: readonly number[]) => [...LEGACY, bytes.length, 0, 0, 0, ...bytes];
  for (const [bytes, problem] of [
    [[0x10, 0x61, 0x02, 0x00, 0x10, 0x62], /before the beginning/],
    [[0x10, 0x61, 0x00, 0x00, 0x10, 0x62], /before the beginning/],
    [[0x10, 0x61, 0x01, 0x00], /without a last sequence/],
    [[0x10, 0x61, 0x01], /offset .* reaches beyond/],
    [[0xf0, 0xff, 0xff], /literals .* reach beyond/],
    [[], /without a last sequence/],
  ] as const)
    assert.throws(() => unpack(block(bytes), 'all'), { code: 'E_FORMAT', message: problem });
});

test('a block is refused above its maximum, the output above its limit', () => {
  const long = [...[0x1f, 0x61, 0x01, 0x00], ...new Array(40_000).fill(255), 0, 0x10, 0x62];
  const legacy = [...LEGACY, long.length & 255, long.length >> 8, 0, 0, ...long];
  assert.throws(() => unpack(legacy, 'all'), { code: 'E_FORMAT', message: /more than 8388608 bytes/ });
  assert.throws(() => unpack(legacy, 'all', 5 << 20), { code: 'E_UNSUPPORTED' });
});
