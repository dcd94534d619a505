import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchGlob } from '../../src/kernels/glob.ts';

test('stars, question marks and brackets match as in a shell, without regard to case', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['arch.conf', 'Arch.conf', true],
    ['arch*', 'arch-lts.conf', true],
    ['*lts*', 'arch.conf', false],
    ['a?ch', 'arch', true],
    ['a?ch', 'ach', false],
    ['6.[0-9]', '6.1', true],
    ['6.[!0-9]', '6.1', false],
    ['[]x]', ']', true],
    ['[', '[', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['*', '', true],
    ['', 'a', false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(matchGlob(pattern, text), expected, `${pattern} ~ ${text}`);
});

test('a pattern of many stars does not take for ever', () => {
  const started = performance.now();
  assert.equal(matchGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(4000)), false);
  assert.ok(performance.now() - started < 10_000);
});
