import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinBytes } from '../../src/formats/join-bytes.ts';
import { decodeLz4 } from '../../src/formats/lz4.ts';
import { encodeLz4Legacy } from '../../src/formats/lz4-writer.ts';
import { inputs } from '../support/inputs.ts';
import { packingInputs, packWith, whyNot } from '../support/packing-tools.ts';

function encode(content: Uint8Array): Uint8Array {
  return joinBytes(encodeLz4Legacy([content]));
}

function unpack(bytes: Uint8Array, extent: 'first' | 'all' = 'all'): Buffer {
  return Buffer.from(decodeLz4({ bytes, name: 'a.lz4', maxOutputBytes: 1 << 26, extent }).bytes);
}

/** Pieces that repeat at all distances, so that there are matches of every length, overlapping ones too. */
const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.oneof(fc.nat(12), fc.nat(700))), {
    maxLength: 60,
  })
  .map((pieces) => Buffer.concat(pieces.map(([piece, times]) => Buffer.alloc(piece.length * times, piece))));

test('what is encoded is what is decoded', () => {
  fc.assert(
    fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 300 })), (content) => {
      assert.ok(unpack(encode(content)).equals(content));
    }),
    inputs(500),
  );
});

test('the lz4 program reads it', { skip: whyNot('lz4') }, () => {
  for (const content of packingInputs())
    assert.ok(Buffer.from(packWith('lz4', ['-d', '-c'], encode(content))).equals(content));
});

/** The sequences of the only block: how many literals, and the match behind them. */
function sequencesOf(frame: Uint8Array): { literals: number; start: number; length: number }[] {
  const found = [];
  let position = 0;
  for (let at = 8; at < frame.length; ) {
    const token = frame[at++]!;
    const lengthOf = (nibble: number): number => {
      let length = nibble;
      if (nibble === 15)
        do length += frame[at]!;
        while (frame[at++] === 255);
      return length;
    };
    const literals = lengthOf(token >> 4);
    at += literals;
    position += literals;
    if (at === frame.length) return [...found, { literals, start: position, length: 0 }];
    at += 2;
    const length = lengthOf(token & 15) + 4;
    found.push({ literals, start: position, length });
    position += length;
  }
  return found;
}

test('a block ends with five literals, and no match begins in its last twelve bytes', () => {
  fc.assert(
    fc.property(repetitive, (content) => {
      fc.pre(content.length > 0);
      const sequences = sequencesOf(encode(content));
      const matches = sequences.slice(0, -1);
      if (matches.length === 0) return;
      assert.ok(sequences.at(-1)!.literals >= 5);
      assert.ok(matches.every(({ start }) => start <= content.length - 12));
    }),
  );
});

test('matches reach 65535 bytes back and no further', () => {
  const word = Buffer.from('0123456789abcdef');
  for (const [gap, lengths] of [
    [65_519, [65_518, 16]],
    [65_520, [65_519]],
  ] as const) {
    const content = Buffer.concat([word, Buffer.alloc(gap), word, Buffer.from('ghijklmnopqr')]);
    const frame = encode(content);
    assert.ok(unpack(frame).equals(content));
    assert.deepEqual(
      sequencesOf(frame)
        .slice(0, -1)
        .map(({ length }) => length),
      lengths,
    );
  }
});

test('content is cut into blocks of 8 MiB', () => {
  const content = Buffer.alloc((8 << 20) + 1, 'khop ');
  const frame = encode(content);
  const first = Buffer.from(frame).readUInt32LE(4);
  assert.deepEqual([...frame.subarray(8 + first, 8 + first + 4)], [2, 0, 0, 0], 'the second holds one byte');
  assert.ok(unpack(frame, 'first').equals(content));
});

test('nothing is a frame without blocks', () => {
  assert.deepEqual([...encode(new Uint8Array())], [0x02, 0x21, 0x4c, 0x18]);
});

test('noise grows by less than one byte in 200', () => {
  const noise = packingInputs()[2]!.subarray(540_000, 640_000);
  assert.ok(encode(noise).length < noise.length + 500);
});

test('how the content is cut into pieces changes nothing', () => {
  const content = Buffer.alloc(9 * 1024 * 1024, 'some words, again and again');
  const cuts = [0, 0, 1, 70_000, 8 * 1024 * 1024 - 1, 8 * 1024 * 1024 + 5, content.length];
  const pieces = cuts.slice(1).map((end, index) => content.subarray(cuts[index], end));
  assert.ok(Buffer.from(joinBytes(encodeLz4Legacy(pieces))).equals(encode(content)));
});

test('what is large is not put together to be packed', () => {
  const piece = new Uint8Array(16 * 1024 * 1024);
  const before = process.memoryUsage().arrayBuffers;
  encodeLz4Legacy(Array.from({ length: 6 }, () => piece));
  const taken = process.memoryUsage().arrayBuffers - before;
  assert.ok(taken < 2 * piece.length, `${taken} bytes`);
});
