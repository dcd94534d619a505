import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, spread } from '../../../tools/bench/statistics.ts';

test('the median is a value that was measured, whatever the order', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2);
  assert.equal(median([7]), 7);
  assert.throws(() => median([]), RangeError);
});

test('the spread is the distance of the extremes as a share of the median', () => {
  assert.equal(spread([90, 100, 110]), 0.2);
  assert.equal(spread([7]), 0);
});
