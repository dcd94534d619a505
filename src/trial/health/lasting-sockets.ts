/**
 * Which listening sockets the next start has again: those of services, on ports that somebody chose; and whether
 * somebody answers there.
 * @module
 */
import type { ListeningSocket } from '../../machine/listening-sockets.ts';
import type { Reading } from '../../machine/reading.ts';
import type { HealthWorld } from './world.ts';

/**
 * They have the published ports of containers in the control group of docker.service, and whether those containers are
 * started again is not the service's affair. dockerd has them without its proxies (userland-proxy), beside its own. What Podman
 * starts is in a scope of its own, or was asked for by the service in whose control group it is.
 */
const PORT_FORWARDERS: ReadonlySet<string> = new Set(['docker-proxy', 'dockerd']);

/** The kernel's own default of ip_local_port_range. */
const USUAL_EPHEMERAL = [32_768, 60_999] as const;

/** rpc.statd and its like take any port and tell rpcbind which. */
const TELLS_RPCBIND = /^(?:rpc\.|ypbind$|ypserv$)/;
/** Services of systemd, and its own sockets for them. */
const OF_UNITS = /\.service(?:\/|$)|^\/init\.scope$/;

/** Address and port of each, once. @param ephemeral ports that the kernel gives at random */
export function lastingSockets(
  sockets: readonly ListeningSocket[],
  ephemeral: Reading<readonly [number, number]>,
): { address: string; port: number }[] {
  const range = ephemeral.state === 'read' ? ephemeral.value : USUAL_EPHEMERAL;
  const found = sockets
    .filter((socket) => !isAtRandom(socket, range))
    .filter(({ controlGroup }) => controlGroup === null || isOfSystem(controlGroup))
    .filter(({ holder }) => holder === null || !PORT_FORWARDERS.has(holder))
    .map(({ address, port }) => ({ address, port }));
  // SO_REUSEPORT: one for each worker.
  return [...new Map(found.map((each) => [`${each.address} ${each.port}`, each])).values()];
}

/**
 * Who widens the range, for many connections, often has nearly all ports in it, and so those of services as well. Below
 * the usual one a port counts as chosen where a unit has it, but for those of services that take any.
 */
function isAtRandom(
  { port, controlGroup, holder }: ListeningSocket,
  [first, last]: readonly [number, number],
): boolean {
  if (port < first || port > last) return false;
  if (port >= USUAL_EPHEMERAL[0] || controlGroup === null) return true;
  return !OF_UNITS.test(controlGroup) || TELLS_RPCBIND.test(holder ?? '');
}

/** Sessions of people are below user.slice; containers and virtual machines are scopes, or in slices of their own. */
function isOfSystem(controlGroup: string): boolean {
  const parts = controlGroup.split('/').filter((part) => part !== '');
  if (/^(?:user\.slice|machine\.slice|docker|lxc.*|kubepods.*|libpod.*)$/.test(parts[0] ?? '')) return false;
  return !parts.some((part) => part.endsWith('.scope') && part !== 'init.scope');
}

/** Undefined when a connection from this machine is accepted. */
export async function whyNoAnswer(
  world: HealthWorld,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<string | undefined> {
  let problem: string | undefined = 'it cannot be reached without the name of its link';
  for (const host of hostsOf(address)) {
    problem = await world.connect(host, port);
    if (problem === undefined) return undefined;
  }
  return problem;
}

/** IPv6 may be switched off, and yet somebody listens on `::`, for IPv4. */
function hostsOf(address: string): readonly string[] {
  if (address === '0.0.0.0') return ['127.0.0.1'];
  if (address === '::') return ['::1', '127.0.0.1'];
  return /^fe[89ab]/.test(address) ? [] : [address];
}
