import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { type Compression, expectUnpacked } from '../../src/formats/compression.ts';
import { cpioFile, encodeCpio } from '../../src/formats/cpio-writer.ts';
import { joinBytes } from '../../src/formats/join-bytes.ts';
import { encodeLz4Legacy } from '../../src/formats/lz4-writer.ts';
import { expectUnpacking } from '../../src/formats/unpacking-size.ts';
import { inputs } from '../support/inputs.ts';
import { packedSample, SAMPLE } from '../support/packed-samples.ts';

const MIB = 2 ** 20;
const EARLY = encodeCpio([cpioFile('kernel/x86/microcode/GenuineIntel.bin', new Uint8Array(5000))]);
const MAIN = encodeCpio([cpioFile('init', new Uint8Array(20 * MIB))]);

test('formats that tell their size are believed, to a block of theirs, and where they end', () => {
  for (const [kind, block] of [
    ['zstd', 128 * 1024],
    ['xz', 1],
    ['lz4', 8 * MIB],
  ] as const) {
    const packed = packedSample(kind as Compression);
    const { size, end } = expectUnpacked(joinBytes([packed, new Uint8Array(100)]));
    assert.equal(end, packed.length, kind);
    assert.ok(size >= SAMPLE.length && size < SAMPLE.length + block, `${kind}: ${size}`);
  }
});

test('of the others all that follows counts, with what is usual', () => {
  for (const kind of ['gzip', 'bzip2', 'lzo', 'lzma', 'lz4-frame'] as const) {
    const packed = packedSample(kind);
    assert.deepEqual(expectUnpacked(packed), { size: 5 * packed.length, end: packed.length }, kind);
  }
});

test('the parts of an initrd count each as what they are', () => {
  const zstd = zstdCompressSync(MAIN);
  const lz4 = joinBytes(encodeLz4Legacy([MAIN]));
  const gzip = gzipSync(MAIN);
  const gap = new Uint8Array(508);
  const plain = EARLY.length;
  assert.deepEqual(expectUnpacking(joinBytes([EARLY, gap, MAIN])), {
    plainBytes: plain + MAIN.length,
    unpackedBytes: 0,
  });
  assert.deepEqual(expectUnpacking(joinBytes([EARLY, gap, zstd, gap, lz4])), {
    plainBytes: plain,
    unpackedBytes: MAIN.length + 24 * MIB,
  });
  assert.equal(expectUnpacking(joinBytes([EARLY, gap, gzip])).unpackedBytes, 5 * gzip.length);
});

test('it is told what was read of it', () => {
  let told = 0;
  expectUnpacking(joinBytes([EARLY, MAIN]), (read) => {
    told += read.length;
  });
  assert.ok(told >= EARLY.length + MAIN.length);
});

test('whatever the bytes are, there is an answer', () => {
  const starts = [new Uint8Array(), EARLY, ...(['zstd', 'xz', 'lz4', 'gzip'] as const).map(packedSample)];
  fc.assert(
    fc.property(
      fc.constantFrom(...starts),
      fc.nat(),
      fc.uint8Array({ maxLength: 64 }),
      (start, cut, rest) => {
        const bytes = joinBytes([start.subarray(0, cut % (start.length + 1)), rest]);
        const { plainBytes, unpackedBytes } = expectUnpacking(bytes);
        assert.ok(plainBytes >= 0 && unpackedBytes >= 0);
      },
    ),
    inputs(500),
  );
});
