/**
 * Whether somebody answers on a TCP port.
 * @module
 */
import { connect } from 'node:net';

/** @param host an address or a name @returns undefined when a connection was made (and closed), else why not */
export function tryTcpConnect(
  host: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host, port });
  // `timeout` of a socket counts idle time only, and not that of looking up the name.
  const timer = setTimeout(() => end(`nobody answered within ${timeoutMs / 1000} s`), timeoutMs);
  const onAbort = (): void => end('cancelled');
  const end = (reason: string | undefined): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
    resolve(reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  socket.on('connect', () => end(undefined));
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  if (signal.aborted) onAbort();
  return promise;
}
