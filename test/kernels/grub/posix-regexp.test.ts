import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchRegexp } from '../../../src/kernels/grub/posix-regexp.ts';
import { inputs } from '../../support/inputs.ts';
import { processorTimeMs } from '../../support/processor-time.ts';

test('expressions of real configurations', () => {
  assert.deepEqual(matchRegexp('^\\(([^)]*)\\)(.*)$', '(hd0,gpt2)/boot'), [
    '(hd0,gpt2)/boot',
    'hd0,gpt2',
    '/boot',
  ]);
  assert.deepEqual(matchRegexp('([0-9]+)\\.([0-9]+)', 'linux-6.12.9'), ['6.12', '6', '12']);
  assert.deepEqual(matchRegexp('[[:alpha:]_]+(-x)?', '12ab_'), ['ab_', '']);
  assert.equal(matchRegexp('^hd[0-9]$', 'xhd0'), undefined);
});

test('what is no expression matches nothing', () => {
  for (const pattern of [
    '(',
    ')',
    '[a',
    'a\\',
    'a{3,1}',
    'a{999}',
    '[[:none:]]',
    '[[:constructor:]]',
    '('.repeat(5000),
  ])
    assert.equal(matchRegexp(pattern, 'aaa'), undefined, pattern);
});

/** Trees of what both engines understand in the same way. */
const PATTERN: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]'),
    fc.tuple(tie('node'), tie('node')).map(([x, y]) => x + y),
    fc.tuple(tie('node'), tie('node')).map(([x, y]) => `(${x}|${y})`),
    // A repeated group that can be empty is where engines differ, so only characters are repeated.
    fc
      .tuple(fc.constantFrom('a', 'b', '.', '[ab]'), fc.constantFrom('*', '+', '?', '{1,2}'))
      .map((both) => both.join('')),
  ),
})).node;

test("agrees with JavaScript's engine on what both understand", () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 10 });
  const anchored = fc
    .tuple(fc.constantFrom('', '^'), PATTERN, fc.constantFrom('', '$'))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(anchored, text, (pattern, subject) => {
      const expected = new RegExp(pattern).exec(subject);
      assert.deepEqual(
        matchRegexp(pattern, subject),
        expected === null ? undefined : [...expected].map((one) => one ?? ''),
      );
    }),
    inputs(3000),
  );
});

test('an expression that makes others run for years ends at once', () => {
  const took = processorTimeMs(() => {
    assert.equal(matchRegexp('^((a|a)*)*$', `${'a'.repeat(1000)}b`), undefined);
    assert.equal(matchRegexp('(x+x+)+y', 'x'.repeat(1000)), undefined);
  });
  assert.ok(took < 5000, `${took} ms`);
});
