import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { tryTcpConnect } from '../../src/machine/tcp-connect.ts';

const NEVER = new AbortController().signal;

test('somebody who listens answers, and nobody does when nobody listens', async () => {
  const server = createServer((socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  assert.equal(await tryTcpConnect('127.0.0.1', address.port, 5000, NEVER), undefined);
  server.close();
  await once(server, 'close');
  assert.equal(await tryTcpConnect('127.0.0.1', address.port, 5000, NEVER), 'ECONNREFUSED');
});

test('a deadline and a cancelled signal both end the wait', async () => {
  // TEST-NET-1 of RFC 5737: there is nobody, and a router may or may not say so.
  const abort = new AbortController();
  const pending = tryTcpConnect('192.0.2.1', 9, 60_000, abort.signal);
  abort.abort();
  assert.match((await pending) ?? '', /cancelled|E[A-Z]+/);
  assert.equal(await tryTcpConnect('127.0.0.1', 9, 5000, AbortSignal.abort()), 'cancelled');
  assert.notEqual(await tryTcpConnect('192.0.2.1', 9, 50, NEVER), undefined);
});

test('a name that does not exist does not answer', async () => {
  assert.match((await tryTcpConnect('no-such-host.invalid', 80, 20_000, NEVER)) ?? '', /\S/);
});
