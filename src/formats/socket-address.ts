/**
 * `host:port`, as people write it; an IPv6 address stands in brackets.
 * @module
 */

/** A TCP port of a machine. */
export interface SocketAddress {
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Undefined when it is none. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const [, six, other, digits] = /^(?:\[([0-9a-f:.]+(?:%\w+)?)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = six ?? other;
  const port = Number(digits);
  return host !== undefined && port >= 1 && port <= 65535 ? { host, port } : undefined;
}

/** As `parseSocketAddress` reads it. */
export function formatSocketAddress({ host, port }: SocketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
