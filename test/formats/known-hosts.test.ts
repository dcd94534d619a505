import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostKeysOf } from '../../src/formats/known-hosts.ts';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRWQ6ygPKIGgxDEEkqa6sMJScnux5x3RGQW9oca+bxg';
const RSA = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==';

test('names, lists, patterns and other ports are found, and comments are none', () => {
  const text = [
    '# example.org ssh-rsa COMMENT',
    '',
    `example.org,192.0.2.7 ${ED25519} root@example`,
    `*.lab,!bad.lab,h?st ${RSA}`,
    `[example.org]:2222 ${RSA}`,
    'example.org',
  ].join('\n');
  assert.deepEqual(hostKeysOf(text, 'example.org', 22), [ED25519]);
  assert.deepEqual(hostKeysOf(text, 'Example.ORG', 22), [ED25519]);
  assert.deepEqual(hostKeysOf(text, '192.0.2.7', 22), [ED25519]);
  assert.deepEqual(hostKeysOf(text, 'example.org', 2222), [RSA]);
  assert.deepEqual(hostKeysOf(text, 'good.lab', 22), [RSA]);
  assert.deepEqual(hostKeysOf(text, 'host', 22), [RSA]);
  for (const name of ['bad.lab', 'example', 'xexample.org', '192.0.2.70', 'e'])
    assert.deepEqual(hostKeysOf(text, name, 22), [], name);
});

test('hashed names are those that ssh-keygen -H made', () => {
  const text = [
    `|1|mEn6PgFe3zXWJ9CZke+rQzudURE=|dEyuTjNUFKzr9TGqDCqAOLxZBSQ= ${ED25519}`,
    `|1|+PiBXogNhXzZwR+Gt1Ql3aupX/I=|NYrBb+kiJCbmYnwJP/8dOjOMCjI= ${ED25519}`,
    `|1|6Hw1Jg8jjUcUkI14sBbXRw8z5hk=|si5LRN6o+AcQL18ylvUlPNSlv3M= ${RSA}`,
    `|2|6Hw1Jg8jjUcUkI14sBbXRw8z5hk=|si5LRN6o+AcQL18ylvUlPNSlv3M= ${RSA}`,
  ].join('\n');
  assert.deepEqual(hostKeysOf(text, 'example.org', 22), [ED25519]);
  assert.deepEqual(hostKeysOf(text, '192.0.2.7', 22), [ED25519]);
  assert.deepEqual(hostKeysOf(text, 'example.org', 2222), [RSA]);
  assert.deepEqual(hostKeysOf(text, 'example.net', 22), []);
});

test('a revoked key is none, and an authority is not taken for a host', () => {
  const text = `h ${ED25519}\nh ${RSA}\n@revoked * ${RSA}\n@cert-authority other ${RSA}\n@cert-authority h2 ${RSA}\n`;
  assert.deepEqual(hostKeysOf(text, 'h', 22), [ED25519]);
  assert.deepEqual(hostKeysOf(text, 'h2', 22), []);
});
