import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTimeSpan } from '../../src/formats/time-span.ts';

test('a time span is the sum of its parts, and a bare number is seconds', () => {
  assert.equal(parseTimeSpan('90'), 90);
  assert.equal(parseTimeSpan('1min 30s'), 90);
  assert.equal(parseTimeSpan('1h30m'), 5400);
  assert.equal(parseTimeSpan('1500ms'), 1.5);
});

test('off and nothing are no time', () => {
  for (const text of ['off', '0', '', ' ']) assert.equal(parseTimeSpan(text), 0);
});

test('what is not a time span is not taken for one', () => {
  for (const text of ['default', 'infinity', 'soon', '-5', '5 lightyears', 'min'])
    assert.equal(parseTimeSpan(text), undefined);
});

test('seconds that are written down are read again', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (minutes, seconds) => {
      assert.equal(parseTimeSpan(`${minutes}min ${seconds}s`), minutes * 60 + seconds);
    }),
  );
});
