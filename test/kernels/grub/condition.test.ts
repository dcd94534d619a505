import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluateCondition, type FileTests } from '../../../src/kernels/grub/condition.ts';

const FILES: FileTests = {
  kind: (path) => (path === '/file' || path === '/empty' ? 'file' : path === '/folder' ? 'folder' : 'absent'),
  size: (path) => (path === '/file' ? 3 : 0),
};

function holds(text: string): boolean {
  return evaluateCondition(
    text.split(' ').map((word) => (word === '_' ? '' : word)),
    FILES,
  );
}

test('comparisons of text, numbers and files', () => {
  const truths = [
    'a = a',
    'a == a',
    'a != b',
    'a < b',
    'b >= b',
    '10 -gt 9',
    '-1 -lt 0',
    '3 -le 3',
    'x -eq 0',
  ];
  const more = [
    '-n a',
    '-z _',
    'a',
    '-e /file',
    '-f /file',
    '-d /folder',
    '-s /file',
    'v9 -plt v10',
    '1 -ne 2',
  ];
  for (const text of [...truths, ...more]) assert.equal(holds(text), true, text);
  for (const text of [
    'a = b',
    '9 -gt 10',
    '-n _',
    '-z a',
    '_',
    '-e /no',
    '-f /folder',
    '-s /empty',
    '-d /file',
  ])
    assert.equal(holds(text), false, text);
});

test('negation, conjunction, alternatives and parentheses', () => {
  for (const text of [
    '! a = b',
    'a = a -a b = b',
    'a = b -o b = b',
    '! ( a = b -o b = c )',
    '( a )',
    '! ! a',
  ])
    assert.equal(holds(text), true, text);
  for (const text of ['a = a -a a = b', '( a = b ) -o _', 'a = b -a a -o _', '! a'])
    assert.equal(holds(text), false, text);
});

test('conditions that grub-mkconfig writes, with variables that are empty', () => {
  assert.equal(evaluateCondition(['x', '=', 'xy'], FILES), false);
  assert.equal(evaluateCondition(['-z', '', '-a', '-f', '/file'], FILES), true);
  assert.equal(evaluateCondition(['', '=', '1', '-o', '1', '=', '1'], FILES), true);
  assert.equal(evaluateCondition([], FILES), false);
  assert.equal(evaluateCondition(['', 'constructor', ''], FILES), false, 'no operator');
});

test('any words give an answer', () => {
  const word = fc.constantFrom('(', ')', '!', '-a', '-o', '=', '-n', '-e', '/file', 'a', '');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      assert.equal(typeof evaluateCondition(words, FILES), 'boolean');
    }),
  );
  assert.equal(typeof evaluateCondition(new Array(20_000).fill('('), FILES), 'boolean');
});
