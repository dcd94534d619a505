import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import {
  type Compression,
  decompress,
  decompressFirst,
  detectCompression,
} from '../../src/formats/compression.ts';
import { assertSurvivesDamage, assertSurvivesTruncation, outcomeOf } from '../support/hostile-bytes.ts';
import { packedSample, SAMPLE } from '../support/packed-samples.ts';

const KINDS: readonly Compression[] = ['gzip', 'zstd', 'xz', 'lz4', 'lz4-frame', 'bzip2', 'lzo', 'lzma'];
/** These carry a checksum of what they unpack to. */
const CHECKED: readonly Compression[] = ['gzip', 'zstd', 'xz', 'lz4-frame', 'bzip2', 'lzo'];
const MIB = 1024 * 1024;

function unpack(
  bytes: Uint8Array,
  maxOutputBytes = MIB,
  trailing: 'reject' | 'allow' = 'reject',
): Uint8Array {
  return decompress(bytes, { name: 'sample', maxOutputBytes, trailing });
}

function assertUnpacks(packed: Uint8Array, expected: Uint8Array): void {
  assert.ok(Buffer.from(unpack(packed, expected.length)).equals(expected));
}

for (const kind of KINDS)
  describe(kind, () => {
    const packed = packedSample(kind);

    test('is told by its first bytes', () => {
      assert.equal(detectCompression(packed), kind);
    });

    test('unpacks to what its tool packed, also at the exact limit', () => {
      assertUnpacks(packed, SAMPLE);
    });

    test('is refused when it unpacks to more than allowed', () => {
      assert.throws(() => unpack(packed, SAMPLE.length - 1), {
        code: 'E_UNSUPPORTED',
        message: `sample: unpacks to more than the ${SAMPLE.length - 1} bytes allowed`,
      });
    });

    test('is refused with bytes behind it, unless they are allowed', () => {
      for (const tail of [Buffer.from([0xff, 0xff, 0xff, 0xff, 1]), Buffer.from('07070100000001')]) {
        const longer = Buffer.concat([packed, tail]);
        assert.throws(() => unpack(longer), { code: 'E_FORMAT' });
        assert.deepEqual(Buffer.from(unpack(longer, MIB, 'allow')), SAMPLE);
      }
    });

    test('says how many bytes the first stream took', () => {
      const sizeWord = Buffer.alloc(4);
      sizeWord.writeUInt32LE(SAMPLE.length);
      for (const tail of [sizeWord, Buffer.alloc(5), Buffer.of(1, 2)]) {
        const part = decompressFirst(Buffer.concat([packed, tail]), { name: 'sample', maxOutputBytes: MIB });
        assert.equal(part.compression, kind);
        assert.equal(part.consumed, packed.length);
        assert.deepEqual(Buffer.from(part.bytes), SAMPLE);
      }
    });

    // lzma has no streams one behind the other.
    if (kind !== 'lzma')
      test('two streams unpack to both, or to the first when trailing bytes are allowed', () => {
        const twice = Buffer.concat([packed, packed]);
        // The kernel's own decoder passes over the magic of a second legacy LZ4 frame.
        const first = kind === 'lz4' ? Buffer.concat([SAMPLE, SAMPLE]) : SAMPLE;
        assert.deepEqual(Buffer.from(unpack(twice)), Buffer.concat([SAMPLE, SAMPLE]));
        assert.deepEqual(Buffer.from(unpack(twice, MIB, 'allow')), first);
      });

    test('is refused wherever it is cut off', () => {
      // A legacy LZ4 file may end after any block, so also directly behind its magic.
      const shortest = kind === 'lz4' ? 4 : packed.length;
      assertSurvivesTruncation(unpack, packed, shortest);
      if (kind === 'lz4') assertSurvivesTruncation(unpack, packed.subarray(5), packed.length - 5);
    });

    test('damaged, it gives an error, or the right bytes where it has a checksum', () => {
      // Every bzip2 decoder needs its 3.6 MB first.
      const runs = kind === 'bzip2' ? 150 : 1000;
      const where = { start: 0, end: packed.length };
      const parse = (bytes: Uint8Array) => {
        const output = unpack(bytes);
        if (CHECKED.includes(kind) && detectCompression(bytes) === kind)
          assert.deepEqual(Buffer.from(output), SAMPLE);
      };
      assertSurvivesDamage(parse, packed, where, runs);
      assertSurvivesDamage((bytes) => unpack(bytes, MIB, 'allow'), packed, where, runs);
    });
  });

test('any bytes give an error or a value', () => {
  const magics = fc.constantFrom(...KINDS.map((kind) => packedSample(kind).subarray(0, 14)));
  fc.assert(
    fc.property(magics, fc.nat(14), fc.uint8Array({ maxLength: 200 }), (magic, keep, tail) => {
      outcomeOf(unpack, Buffer.concat([magic.subarray(0, keep), tail]));
    }),
  );
});

test('what is not compressed is refused by name', () => {
  assert.equal(detectCompression(Buffer.from('070701')), undefined);
  assert.throws(() => unpack(Buffer.from('070701')), { code: 'E_FORMAT', message: /^sample: / });
});

test('gzip and zstd of any content come back', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array(), { minLength: 1, maxLength: 4 }), (parts) => {
      for (const pack of [gzipSync, zstdCompressSync])
        assertUnpacks(Buffer.concat(parts.map((part) => pack(part))), Buffer.concat(parts));
    }),
  );
});

/** As of a pipe, whose length is known when it is over. */
function zstdInPieces(content: Uint8Array): Promise<Uint8Array> {
  const stream = createZstdCompress();
  stream.write(content.subarray(0, MIB));
  stream.end(content.subarray(MIB));
  return buffer(stream);
}

for (const [name, pack] of [
  ['gzip', (content: Uint8Array) => gzipSync(content, { level: 1 })],
  ['zstd', zstdCompressSync],
  ['zstd that does not tell its size', zstdInPieces],
] as const)
  test(`what ${name} unpacks to is in memory once`, async () => {
    const content = Buffer.alloc(48 * MIB);
    for (let at = 0; at < content.length; at += 16)
      content.writeUInt32LE(Math.imul(at, 0x9e3779b1) >>> 0, at);
    const bytes = await pack(content);
    const before = process.memoryUsage().arrayBuffers;
    const { length } = decompressFirst(bytes, { name: 'x', maxOutputBytes: content.length }).bytes;
    const taken = process.memoryUsage().arrayBuffers - before;
    assert.equal(length, content.length);
    assert.ok(taken < 1.5 * content.length, `${taken} bytes`);
  });

test('gzip headers with every optional field are passed over', () => {
  const [header, body] = [packedSample('gzip').subarray(0, 10), packedSample('gzip').subarray(10)];
  const flagged = Buffer.from(header);
  flagged[3] = 0x04 | 0x08 | 0x10;
  const fields = Buffer.concat([
    Buffer.of(3, 0, 1, 2, 3),
    Buffer.from('vmlinux\0'),
    Buffer.from('a comment\0'),
  ]);
  assertUnpacks(Buffer.concat([flagged, fields, body]), SAMPLE);
});

test('zstd skippable frames are passed over, and windows above 128 MiB refused', () => {
  const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
  assertUnpacks(
    Buffer.concat([packedSample('zstd'), skippable, packedSample('zstd')]),
    Buffer.concat([SAMPLE, SAMPLE]),
  );
  const hugeWindow = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x98, 0x01, 0x00, 0x00]);
  assert.throws(() => unpack(hugeWindow), { code: 'E_UNSUPPORTED', message: /window/ });
});
