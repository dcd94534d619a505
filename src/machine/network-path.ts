/**
 * How this machine reaches another one over IPv4: for a kernel that asks no DHCP server.
 * @module
 */
import { lookup } from 'node:dns/promises';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { KhopError } from '../error.ts';
import type { Reading } from './reading.ts';
import { linesOf, readText } from './source.ts';
import { modulesOfDevice } from './storage.ts';

/** One way out. Addresses are four bytes. */
export interface NetworkPath {
  readonly interfaceName: string;
  readonly macAddress: string;
  readonly address: Uint8Array;
  readonly netmask: Uint8Array;
  /** Undefined: the other one is on the same network. */
  readonly gateway: Uint8Array | undefined;
  /**
   * The gateway or the other one, when it is on the same cable although the netmask leaves it out. 0.0.0.0: so is
   * everybody.
   */
  readonly onLink: Uint8Array | undefined;
  /** Modules of the interface's drivers. */
  readonly modules: readonly string[];
}

const ROUTES = '/proc/net/route';
const UP = 1;
const RTF_REJECT = 0x200;
const LOOKUP_TIMEOUT_MS = 10_000;

interface Route {
  readonly interfaceName: string;
  readonly destination: number;
  readonly gateway: number;
  readonly mask: number;
  readonly metric: number;
}

/** The four bytes of a dotted address; undefined when it is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split('.').map(Number);
  return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
}

/** The IPv4 address of a name. @throws E_NOT_FOUND */
export async function resolveHost(host: string): Promise<Uint8Array> {
  const given = addressBytes(host);
  if (given !== undefined) return given;
  const late = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error('nobody answered')), LOOKUP_TIMEOUT_MS).unref(),
  );
  try {
    const { address } = await Promise.race([lookup(host, 4), late]);
    return addressBytes(address)!;
  } catch (cause) {
    throw new KhopError('E_NOT_FOUND', `${host} has no IPv4 address: ${(cause as Error).message}`, {
      hint: 'Name the server by its address.',
      cause,
    });
  }
}

/** @param interfaces as node:os gives them, which throws where no netlink socket may be made */
export function readNetworkPath(
  root: string,
  to: Uint8Array,
  interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces,
): Reading<NetworkPath> {
  const text = readText(root, ROUTES);
  if (text.state !== 'read') return text;
  const refuse = (reason: string): Reading<NetworkPath> => ({ state: 'unreadable', source: ROUTES, reason });
  const route = chooseRoute(parseRoutes(text.value), wordOf(to));
  if (route === undefined) return refuse('no route leads there');
  const { interfaceName } = route;
  let all: NodeJS.Dict<NetworkInterfaceInfo[]>;
  try {
    all = interfaces();
  } catch (error) {
    return refuse(`the addresses of ${interfaceName} cannot be read: ${(error as Error).message}`);
  }
  const own = all[interfaceName]?.find(({ family }) => family === 'IPv4');
  const address = addressBytes(own?.address ?? '');
  const netmask = addressBytes(own?.netmask ?? '');
  if (own === undefined || address === undefined || netmask === undefined)
    return refuse(`${interfaceName} has no IPv4 address`);
  const modules = modulesOfDevice(root, `/sys/class/net/${interfaceName}`);
  if (modules === undefined) return refuse(`${interfaceName} is no network card, but made of others`);
  const gateway = route.gateway === 0 ? undefined : bytesOfWord(route.gateway);
  const next = gateway ?? to;
  return {
    state: 'read',
    source: ROUTES,
    value: {
      interfaceName,
      macAddress: own.mac,
      address,
      netmask,
      gateway,
      onLink: isWithin(next, address, netmask) ? undefined : next,
      modules,
    },
  };
}

/**
 * What /proc/net/route has, without the routes that are down or reject. Columns Iface, Destination, Gateway, Flags,
 * RefCnt, Use, Metric, Mask; addresses as words of this machine.
 */
export function parseRoutes(text: string): Route[] {
  return linesOf(text)
    .slice(1)
    .flatMap((line) => {
      const [interfaceName = '', destination = '', gateway = '', flags = '', , , metric = '', mask = ''] =
        line.trim().split(/\s+/);
      const bits = Number.parseInt(flags, 16);
      if (!(bits & UP) || bits & RTF_REJECT) return [];
      const word = (digits: string) => Number.parseInt(digits, 16);
      return [
        {
          interfaceName,
          destination: word(destination),
          gateway: word(gateway),
          mask: word(mask),
          metric: Number(metric),
        },
      ];
    });
}

/** The most exact one, and of those the one with the lowest metric, as the kernel does. */
function chooseRoute(routes: readonly Route[], to: number): Route | undefined {
  return routes
    .filter(({ destination, mask }) => (to & mask) >>> 0 === destination)
    .toSorted((a, b) => prefixOf(b.mask) - prefixOf(a.mask) || a.metric - b.metric)[0];
}

function prefixOf(mask: number): number {
  return mask.toString(2).replaceAll('0', '').length;
}

function isWithin(one: Uint8Array, address: Uint8Array, netmask: Uint8Array): boolean {
  return ((wordOf(one) ^ wordOf(address)) & wordOf(netmask)) === 0;
}

function wordOf(address: Uint8Array): number {
  return Buffer.from(address).readUInt32LE();
}

function bytesOfWord(word: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(word);
  return Uint8Array.from(bytes);
}
