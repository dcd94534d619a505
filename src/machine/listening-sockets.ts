/**
 * On which TCP ports somebody listens, and whose processes these are.
 * Specification: Documentation/networking/proc_net_tcp.rst, cgroups(7).
 * @module
 */
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Reading, valueOf } from './reading.ts';
import { linesOf, mapReading, readNames, readText } from './source.ts';

export interface ListeningSocket {
  /** `0.0.0.0` and `::`: on all addresses. */
  readonly address: string;
  readonly port: number;
  /** Path of the control group of a process that has it; null where none was found, as for sockets of the kernel. */
  readonly controlGroup: string | null;
  /** Name of that process, at most 15 bytes; null, too, where it has just ended. */
  readonly holder: string | null;
}

/** The process that has a socket. */
type Owner = Pick<ListeningSocket, 'controlGroup' | 'holder'>;

const NOBODY: Owner = { controlGroup: null, holder: null };

interface Row {
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** TCP_LISTEN of include/net/tcp_states.h. */
const LISTEN = '0A';

/** Of both families, in the order of their ports. */
export function readListeningSockets(root: string): Reading<readonly ListeningSocket[]> {
  const four = mapReading(readText(root, '/proc/net/tcp'), parseSockets);
  const six = mapReading(readText(root, '/proc/net/tcp6'), parseSockets);
  if (four.state !== 'read') return four;
  // A kernel may be without IPv6.
  if (six.state === 'unreadable') return six;
  const rows = [...four.value, ...(valueOf(six) ?? [])];
  const owners = readOwners(root, new Set(rows.map(({ inode }) => inode)));
  return {
    state: 'read',
    source: `${four.source}, ${six.source}`,
    value: rows
      .map(({ address, port, inode }) => ({ address, port, ...(owners.get(inode) ?? NOBODY) }))
      .sort((a, b) => a.port - b.port || (a.address < b.address ? -1 : 1)),
  };
}

/** The listening ones of /proc/net/tcp or tcp6; undefined when a line is not one of it. */
function parseSockets(text: string): Row[] | undefined {
  const rows = linesOf(text).slice(1).map(parseSocket);
  return rows.includes(undefined) ? undefined : rows.filter((row) => row != null);
}

/** Null: of another state. */
function parseSocket(line: string): Row | null | undefined {
  const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
  const [, words, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local) ?? [];
  if (words === undefined || port === undefined || inode === undefined) return undefined;
  if (state !== LISTEN) return null;
  return { address: addressOf(words), port: Number.parseInt(port, 16), inode };
}

/** Words of 32 bits as this machine has them, which is little-endian on all that khop knows. */
function addressOf(words: string): string {
  const bytes = Buffer.from(words, 'hex');
  bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = bytes.toString('hex').match(/.{4}/g)!.join(':');
  // The URL standard has the shortest form of RFC 5952.
  return new URL(`http://[${groups}]`).hostname.slice(1, -1);
}

/** Inode of a socket -> the first process that has it open. */
function readOwners(root: string, inodes: ReadonlySet<string>): ReadonlyMap<string, Owner> {
  const owners = new Map<string, Owner>();
  const processes = (valueOf(readNames(root, '/proc')) ?? []).filter((name) => /^\d+$/.test(name));
  for (const pid of processes.map(Number).sort((a, b) => a - b)) {
    const fresh = socketsOf(root, pid).filter((inode) => inodes.has(inode) && !owners.has(inode));
    if (fresh.length === 0) continue;
    const controlGroup = valueOf(mapReading(readText(root, `/proc/${pid}/cgroup`), controlGroupOf));
    const holder = valueOf(readText(root, `/proc/${pid}/comm`)) ?? null;
    if (controlGroup !== undefined) for (const inode of fresh) owners.set(inode, { controlGroup, holder });
    if (owners.size === inodes.size) break;
  }
  return owners;
}

function socketsOf(root: string, pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return (valueOf(readNames(root, folder)) ?? []).flatMap((name) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(join(root, folder, name)))?.[1] ?? [];
    } catch {
      // Closed since the folder was read.
      return [];
    }
  });
}

/** `0::/system.slice/ssh.service`; where version 1 is in use, systemd's own hierarchy tells. */
function controlGroupOf(text: string): string | undefined {
  const lines = linesOf(text).map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const of = (name: string) => lines.find((line) => line?.[1] === name)?.[2];
  return of('name=systemd') ?? of('');
}

/** The ports that the kernel gives to those who ask for any, first and last. */
export function readEphemeralPorts(root: string): Reading<readonly [number, number]> {
  return mapReading(readText(root, '/proc/sys/net/ipv4/ip_local_port_range'), (text) => {
    const [, first, last] = /^(\d+)\s+(\d+)$/.exec(text) ?? [];
    return last === undefined ? undefined : ([Number(first), Number(last)] as const);
  });
}
