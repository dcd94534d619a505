/**
 * What of the network is up: interfaces, which families of addresses they have, and default routes.
 * @module
 */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { parseRoutes } from './network-path.ts';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, mapReading, readLinkName, readNames, readText } from './source.ts';

export type AddressFamily = 'ipv4' | 'ipv6';

export interface InterfaceState {
  readonly name: string;
  readonly macAddress: string | null;
  readonly driver: string | null;
  /** Switched on, and with a carrier where its driver knows of one. */
  readonly isUp: boolean;
  /** Of its addresses that reach beyond the link. */
  readonly families: readonly AddressFamily[];
}

export interface DefaultRoute {
  readonly family: AddressFamily;
  readonly interfaceName: string;
}

/** How node:os gives addresses. */
type Addresses = NodeJS.Dict<NetworkInterfaceInfo[]>;

const FOLDER = '/sys/class/net';
const IFF_UP = 1;
const RTF_UP = 1;
const RTF_REJECT = 0x200;

/**
 * Cards, what is built upon cards (bonds, bridges, VLANs), and what a default route goes through. Others come and go
 * with containers, machines and people.
 */
export function readInterfaces(
  root: string,
  addresses: () => Addresses = networkInterfaces,
): Reading<readonly InterfaceState[]> {
  const routes = readDefaultRoutes(root);
  if (routes.state === 'unreadable') return routes;
  const routed = new Set((valueOf(routes) ?? []).map(({ interfaceName }) => interfaceName));
  return mapReading(readNames(root, FOLDER), (names) => {
    const counted = names.filter((name) => routed.has(name) || isUponCard(root, name));
    const known = addressesOf(addresses);
    return known && counted.map((name) => describe(root, name, known));
  });
}

/** What gives containers and virtual machines a card's network; DEVTYPE in uevent. */
const GUESTS = /^DEVTYPE=(?:macvlan|macvtap|ipvlan|ipvtap)$/m;

/** Linux makes no deeper stacks (MAX_NEST_DEV is 8). */
function isUponCard(root: string, name: string, depth = 8): boolean {
  if (depth === 0 || GUESTS.test(valueOf(readText(root, `${FOLDER}/${name}/uevent`)) ?? '')) return false;
  const files = valueOf(readNames(root, `${FOLDER}/${name}`)) ?? [];
  if (files.includes('device')) return true;
  return files
    .filter((file) => file.startsWith('lower_'))
    .some((file) => isUponCard(root, file.slice('lower_'.length), depth - 1));
}

function addressesOf(read: () => Addresses): Addresses | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function describe(root: string, name: string, addresses: Addresses): InterfaceState {
  const text = (file: string) => valueOf(readText(root, `${FOLDER}/${name}/${file}`));
  const operation = text('operstate');
  const isOn = (Number(text('flags') ?? 0) & IFF_UP) !== 0;
  return {
    name,
    macAddress: text('address') || null,
    driver: valueOf(readLinkName(root, `${FOLDER}/${name}/device/driver`)) ?? null,
    isUp: operation === 'up' || (operation === 'unknown' && isOn),
    families: familiesOf(name, addresses),
  };
}

function familiesOf(name: string, addresses: Addresses): AddressFamily[] {
  const own = Object.entries(addresses)
    // `eth0:1` is a label of an address, not an interface.
    .filter(([label]) => label.replace(/:.*$/, '') === name)
    .flatMap(([, list]) => list ?? []);
  const has = (family: string, local: RegExp) =>
    own.some((each) => each.family === family && !local.test(each.address));
  return [
    ...(has('IPv4', /^(?:169\.254|127)\./) ? (['ipv4'] as const) : []),
    ...(has('IPv6', /^(?:fe[89ab]|::1$)/i) ? (['ipv6'] as const) : []),
  ];
}

/** Of both families, each interface once. */
export function readDefaultRoutes(root: string): Reading<readonly DefaultRoute[]> {
  const four = mapReading(readText(root, '/proc/net/route'), (text) =>
    parseRoutes(text)
      .filter(({ destination, mask }) => destination === 0 && mask === 0)
      .map(({ interfaceName }) => interfaceName),
  );
  const six = mapReading(readText(root, '/proc/net/ipv6_route'), parseDefaultRoutes6);
  if (four.state === 'unreadable') return four;
  if (six.state === 'unreadable') return six;
  if (four.state === 'absent' && six.state === 'absent') return four;
  const routes = (family: AddressFamily, names: Reading<readonly string[]>) =>
    [...new Set(valueOf(names) ?? [])].map((interfaceName) => ({ family, interfaceName }));
  return {
    state: 'read',
    source: `${four.source}, ${six.source}`,
    value: [...routes('ipv4', four), ...routes('ipv6', six)],
  };
}

/** net/ipv6/route.c, rt6_info_route(): destination, length, source, length, gateway, metric, two counts, flags, name. */
function parseDefaultRoutes6(text: string): string[] {
  return linesOf(text).flatMap((line) => {
    const [to = '', length, , , , , , , flags = '', name] = line.trim().split(/\s+/);
    const bits = Number.parseInt(flags, 16);
    const isDefault = /^0{32}$/.test(to) && length === '00' && (bits & RTF_UP) !== 0;
    return isDefault && (bits & RTF_REJECT) === 0 && name !== undefined && name !== 'lo' ? [name] : [];
  });
}
