import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blackoutOf, parseMarks } from '../../../tools/bench/marks.ts';

function mark(tag: string, counter: bigint, release?: string): Buffer {
  const bytes = Buffer.alloc(release === undefined ? 12 : 12 + 65);
  bytes.write(tag, 0, 'latin1');
  bytes.writeBigUInt64LE(counter, 4);
  if (release !== undefined) bytes.write(release, 12, 'latin1');
  return bytes;
}

const STREAM = Buffer.concat([
  mark('JUMP', 5n),
  mark('JUMP', 1000n),
  mark('INIT', 8_000_001_000n, '6.1.0-56-amd64'),
]);

test('marks are read with their counters, and INIT with the release', () => {
  assert.deepEqual(parseMarks(STREAM), [
    { tag: 'JUMP', counter: 5n, release: undefined },
    { tag: 'JUMP', counter: 1000n, release: undefined },
    { tag: 'INIT', counter: 8_000_001_000n, release: '6.1.0-56-amd64' },
  ]);
});

test('a mark that is still being written is left out, wherever it is cut', () => {
  for (let length = 24; length < STREAM.length; length++)
    assert.equal(parseMarks(STREAM.subarray(0, length)).length, 2, `${length} bytes`);
});

test('what is no mark is an error that shows it', () => {
  assert.throws(() => parseMarks(Buffer.from('SeaBIOS (version)')), { code: 'E_FORMAT', message: /"SeaB"/ });
});

test('the blackout is from the last jump to the init after it', () => {
  assert.equal(blackoutOf(parseMarks(STREAM)), 8_000_000_000);
  const twice = Buffer.concat([mark('INIT', 10n, 'a'), mark('JUMP', 20n), mark('INIT', 50n, 'a')]);
  assert.equal(blackoutOf(parseMarks(twice)), 30);
});

test('without an init after the jump, or with a counter that was reset, there is no number', () => {
  for (const stream of [
    mark('JUMP', 20n),
    Buffer.concat([mark('INIT', 10n, 'a'), mark('JUMP', 20n)]),
    Buffer.concat([mark('JUMP', 20n), mark('INIT', 10n, 'a')]),
  ])
    assert.throws(() => blackoutOf(parseMarks(stream)), { code: 'E_LAB' });
});
