import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KhopError } from '../../src/error.ts';
import { parseImaAttribute } from '../../src/formats/ima-attribute.ts';
import { buildImaSignature } from '../support/ima-signature-builder.ts';

test('a signature is told by its type, with the key that made it', () => {
  const bytes = buildImaSignature({ keyId: 0x00c0ffee, signature: new Uint8Array(256) });
  assert.deepEqual(parseImaAttribute(bytes), { kind: 'signature', keyId: '00c0ffee' });
});

test('a signature of a digest of fs-verity is one too', () => {
  const bytes = buildImaSignature({ type: 6, version: 3, keyId: 1, signature: new Uint8Array(64) });
  assert.deepEqual(parseImaAttribute(bytes), { kind: 'signature', keyId: '00000001' });
});

test('a digest, of either kind, is no signature', () => {
  const sha1 = Uint8Array.from([1, ...new Uint8Array(20)]);
  const sha256 = Uint8Array.from([4, 4, ...new Uint8Array(32)]);
  for (const bytes of [sha1, sha256]) assert.deepEqual(parseImaAttribute(bytes), { kind: 'digest' });
});

test('what is for EVM, or unknown, is neither', () => {
  for (const type of [0, 2, 5, 7, 255])
    assert.deepEqual(parseImaAttribute(Uint8Array.of(type, 0)), { kind: 'other', type });
});

test('a signature that is cut short or too long, or of another version, is refused', () => {
  const whole = buildImaSignature({ keyId: 1, signature: new Uint8Array(16) });
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => parseImaAttribute(whole.subarray(0, length)), { code: 'E_FORMAT' });
  assert.throws(() => parseImaAttribute(Uint8Array.of(...whole, 0)), { code: 'E_FORMAT' });
  const old = buildImaSignature({ version: 1, keyId: 1, signature: new Uint8Array(16) });
  assert.throws(() => parseImaAttribute(old), /version at 0x1: 1 is not known/);
});

test('any bytes give a mark or an error of ours', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        parseImaAttribute(bytes);
      } catch (error) {
        assert.ok(error instanceof KhopError);
      }
    }),
  );
});
