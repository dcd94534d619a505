import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob, literalHead, mayMatchWord } from '../../src/formats/glob.ts';
import { inputs } from '../support/inputs.ts';
import { processorTimeMs } from '../support/processor-time.ts';

test('stars, question marks and brackets match as in a shell', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['arch.conf', 'arch.conf', true],
    ['arch.conf', 'Arch.conf', false],
    ['a*d', 'a/b/c/d', true],
    ['arch*', 'arch-lts.conf', true],
    ['*lts*', 'arch.conf', false],
    ['a?ch', 'arch', true],
    ['a?ch', 'ach', false],
    ['6.[0-9]', '6.1', true],
    ['6.[!0-9]', '6.1', false],
    ['[]x]', ']', true],
    ['[!]x]', ']', false],
    ['[!]x]', 'y', true],
    ['[', '[', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['*', '', true],
    ['', 'a', false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(compileGlob(pattern)(text), expected, `${pattern} ~ ${text}`);
});

test('a pattern of many stars does not take for ever', () => {
  const took = processorTimeMs(() =>
    assert.equal(compileGlob(`${'*a'.repeat(200)}b`)('a'.repeat(4000)), false),
  );
  assert.ok(took < 5000, `${took} ms`);
});

test('the head of a pattern is what is in front of its first wildcard', () => {
  assert.equal(literalHead('pci:v00001AF4d*sv*'), 'pci:v00001AF4d');
  assert.equal(literalHead('a\\*'), 'a');
  assert.equal(literalHead('[ab]'), '');
  assert.equal(literalHead('fs-ext4'), 'fs-ext4');
});

test('a pattern that asks for a colon or a bracket matches no word, one of wildcards may', () => {
  for (const [pattern, expected] of [
    ['xts', true],
    ['char_major_*', true],
    ['[a-z]t?', true],
    ['[]:]a', true],
    ['a\\b', true],
    ['pci:v00001AF4d*sv*', false],
    ['acpi*:PNP0303:*', false],
    ['crypto_cbc(aes)', false],
    ['crypto-xts', false],
    ['a[', false],
  ] as const)
    assert.equal(mayMatchWord(pattern), expected, pattern);
});

test('whatever the pattern, a word that matches it may', () => {
  const pattern = fc.string({ unit: fc.constantFrom(...'ab:[]!^-*?\\'), maxLength: 10 });
  const word = fc.string({ unit: fc.constantFrom(...'ab'), maxLength: 4 });
  fc.assert(
    fc.property(pattern, word, (glob, text) => !compileGlob(glob)(text) || mayMatchWord(glob)),
    inputs(5000),
  );
});
