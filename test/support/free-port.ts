/**
 * A port of this machine that nobody listens on.
 * @module
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Free when it was looked for; who needs it takes it soon. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
