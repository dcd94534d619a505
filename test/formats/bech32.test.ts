import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import { decodeBech32 } from '../../src/formats/bech32.ts';

/** Of a pair that age-keygen made for this test. */
const KEY = 'age19e2g9m47lcm5j78lmsf3qqwg5e2lx6ghg8etffqlg6nftgrkwdgsx5q9dv';

test('texts of BIP 173 are read, in lower or upper case', () => {
  for (const text of [
    'A12UEL5L',
    'a12uel5l',
    'an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs',
    'split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w',
    '?1ezyfcl',
  ])
    assert.equal(decodeBech32(text).name, text.slice(0, text.lastIndexOf('1')).toLowerCase());
  assert.deepEqual(
    Buffer.from(decodeBech32('abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw').bytes).toString('hex'),
    '00443214c74254b635cf84653a56d7c675be77df',
  );
  assert.equal(decodeBech32(KEY).bytes.length, 32);
});

test('texts that BIP 173 calls invalid are refused', () => {
  for (const text of [
    'pzry9x0s0muk',
    '1pzry9x0s0muk',
    'x1b4n0q5v',
    'li1dgmt3',
    'A1G7SGD8',
    '10a06t8',
    '1qzzfhee',
    'A12uEL5L',
    'a12uel5m',
    'é1qqqqqqqq',
    '',
    '1'.repeat(9000),
  ])
    assert.throws(() => decodeBech32(text), { code: 'E_FORMAT' });
});

test('a key with up to four other characters, or cut short, is not taken for one', () => {
  const letters = [...'qpzry9x8gf2tvdw0s3jn54khce6mua7l'];
  const change = fc.tuple(fc.integer({ min: 4, max: KEY.length - 1 }), fc.constantFrom(...letters));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const text = [...KEY];
      for (const [at, letter] of changes) text[at] = letter;
      const changed = text.join('');
      fc.pre(changed !== KEY);
      assert.throws(() => decodeBech32(changed), KhopError);
    }),
  );
  for (let length = 0; length < KEY.length; length++)
    assert.throws(() => decodeBech32(KEY.slice(0, length)), { code: 'E_FORMAT' });
});
