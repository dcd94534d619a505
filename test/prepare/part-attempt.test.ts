import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KhopError } from '../../src/error.ts';
import { attemptPart } from '../../src/prepare/part-attempt.ts';

function failing(error: Error) {
  return () => {
    throw error;
  };
}

test('a part that can be prepared has no obstacle', () => {
  assert.deepEqual(
    attemptPart(() => 7),
    { value: 7, obstacle: null, isLasting: true },
  );
});

test('an obstacle lasts when it is one of the files, and not when it is for want of memory', () => {
  const hint = 'none';
  const cause = new RangeError('Array buffer allocation failed');
  for (const [error, isLasting] of [
    [new KhopError('E_FORMAT', 'it is damaged', { hint }), true],
    [new KhopError('E_UNSUPPORTED', 'it is unknown', { hint, cause: new Error('unknown') }), true],
    [new KhopError('E_UNSUPPORTED', 'it takes too much', { hint, cause }), false],
    [new KhopError('E_PLAN', 'there is no room now', { hint }), false],
    [new KhopError('E_SYSCALL', 'mmap() = -1 ENOMEM', { hint }), false],
  ] as const)
    assert.deepEqual(attemptPart(failing(error)), { value: undefined, obstacle: error.message, isLasting });
});

test('what is no error of khop’s own passes through', () => {
  assert.throws(() => attemptPart(failing(new TypeError('a mistake'))), TypeError);
});
