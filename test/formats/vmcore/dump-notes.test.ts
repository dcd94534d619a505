import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ByteSource, cacheSource } from '../../../src/formats/byte-source.ts';
import { readDumpNotes } from '../../../src/formats/vmcore/dump-notes.ts';
import { assertEndsSoon } from '../../support/processor-time.ts';

/** A file of nothing but notes of `length` bytes, one behind the other; nothing of it is in memory. */
function fileOfNotes(length: number, size: number): ByteSource {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(length - 12, 4);
  header.writeUInt32LE(1, 8);
  const read = (offset: number, wanted: number) => {
    const bytes = Buffer.alloc(Math.max(0, Math.min(wanted, size - offset)));
    for (let at = Math.floor(offset / length) * length; at < offset + bytes.length; at += length)
      if (at >= offset) header.copy(bytes, at - offset);
    return bytes;
  };
  return { name: 'notes', size, read };
}

test('of large notes without end no more is kept than all the CPUs of a machine need, and it is said', () => {
  const source = fileOfNotes(100_000, 2 ** 33);
  assertEndsSoon(() => {
    const { notes, problem } = readDumpNotes(source, [{ offset: 0, size: source.size }]);
    assert.equal(notes.length, 167);
    assert.match(problem!, /the notes are larger than 16777216 bytes: see byte 16700000/);
  });
});

test('notes that many segments share are counted for each, also those that are passed over', () => {
  const [small, large] = [fileOfNotes(64, 64_000), fileOfNotes(2 ** 18, 2 ** 28)];
  assertEndsSoon(() => {
    for (const [source, kept] of [
      [small, 65_536],
      [large, 0],
    ] as const) {
      const parts = Array.from({ length: 100_000 }, () => ({ offset: 0, size: source.size }));
      const { notes, problem } = readDumpNotes(source, parts);
      assert.equal(notes.length, kept);
      assert.match(problem!, /there are more notes than 65536/);
    }
  });
});

test('a note does not hold on to the block of the file that it was read with', () => {
  const source = cacheSource(fileOfNotes(400, 400_000));
  const { notes } = readDumpNotes(source, [{ offset: 0, size: source.size }]);
  assert.equal(notes.length, 1000);
  assert.ok(notes.every(({ description }) => description.buffer.byteLength <= 400));
});
