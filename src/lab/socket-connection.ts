/**
 * Connecting to a unix socket that a starting program has yet to make.
 * @module
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../error.ts';

const RETRY_MS = 20;

/** @throws E_TIMEOUT when nobody listens on `path` within `timeoutMs` */
export async function connectSocket(path: string, timeoutMs: number): Promise<Socket> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await tryConnect(path);
    } catch (cause) {
      if (performance.now() > deadline)
        throw new KhopError('E_TIMEOUT', `nobody listens on ${path}`, {
          hint: 'The machine is not running, or its QEMU did not start; see the messages above.',
          cause,
        });
    }
    await sleep(RETRY_MS);
  }
}

function tryConnect(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path);
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    resolve(socket);
  });
  return promise;
}
