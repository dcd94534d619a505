import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSocketAddress, parseSocketAddress } from '../../src/formats/socket-address.ts';

test('names, addresses and bracketed addresses are read, and written as they were', () => {
  for (const [text, host, port] of [
    ['localhost:22', 'localhost', 22],
    ['192.0.2.1:65535', '192.0.2.1', 65_535],
    ['db-1.example:1', 'db-1.example', 1],
    ['[::1]:8080', '::1', 8080],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
  ] as const) {
    assert.deepEqual(parseSocketAddress(text), { host, port });
    assert.equal(formatSocketAddress({ host, port }), text);
  }
});

test('what is no host and port is none', () => {
  for (const text of [
    '',
    '22',
    ':22',
    'a:',
    'a:0',
    'a:65536',
    '::1:22',
    '[::1]',
    'a b:1',
    'http://a:1',
    'a:1:2',
  ])
    assert.equal(parseSocketAddress(text), undefined, text);
});
