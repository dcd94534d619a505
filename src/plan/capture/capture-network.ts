/**
 * The network in the capture program: one interface, told by its hardware address, with what the running kernel's
 * had. netdevice(7); struct rtentry of include/uapi/linux/route.h.
 * @module
 */
import { fn, type ProgramFunction } from '../../formats/static-program/functions.ts';
import { monotonicMs, sleepMs } from '../../formats/static-program/library/clock.ts';
import {
  appendByte,
  appendText,
  bytesOf,
  startText,
  textMemory,
} from '../../formats/static-program/library/growing-text.ts';
import { readFile } from '../../formats/static-program/library/input.ts';
import { LINUX } from '../../formats/static-program/library/linux.ts';
import { areSame, copyBytes, zeroBytes } from '../../formats/static-program/library/memory.ts';
import { lengthOf } from '../../formats/static-program/library/text.ts';
import {
  giveBack,
  loopWhile,
  type Statement,
  set,
  store,
  when,
} from '../../formats/static-program/statements.ts';
import { bytesAt, type Local, sys, type Term, zeroed } from '../../formats/static-program/terms.ts';
import type { CaptureNetwork } from './capture-target.ts';
import { eachEntry } from './folder-entries.ts';

export const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCADDRT = 0x890b;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
/** IFF_UP | IFF_RUNNING. */
const UP = 0x41;
const RTF = { up: 1, gateway: 2, host: 4 } as const;
const ENODEV = 19;
const EEXIST = 17;

/** struct ifreq: 16 bytes of name, then a union. */
const IFREQ_SIZE = 40;
const IFREQ_CONTENT = 16;
const RTENTRY_SIZE = 120;
/** Offsets of rt_dst, rt_gateway, rt_genmask, rt_flags and rt_dev. */
const ROUTE = { destination: 8, gateway: 24, netmask: 40, flags: 56, device: 88 } as const;
const PATH_ROOM = 320;
/** `52:54:00:12:34:56` */
const MAC_LENGTH = 17;
const PAUSE_MS = 50;
const ANYWHERE = new Uint8Array(4);

const request = zeroed(IFREQ_SIZE);
const route = zeroed(RTENTRY_SIZE);
const path = textMemory(PATH_ROOM);
const macText = zeroed(64);

/** Writes struct sockaddr_in: family, port in the network's order, address. */
export function storeAddress(at: Term, address: Uint8Array, port = 0): readonly Statement[] {
  return [
    store.u16(at, AF_INET),
    store.u8([at, '+', 2], port >> 8),
    store.u8([at, '+', 3], port & 0xff),
    copyBytes([at, '+', 4], bytesAt(address), 4),
  ];
}

/** Brings the interface up. Gives back 0 or a negative errno; waits for the interface until `deadlineMs`. */
export function networkStarter(network: CaptureNetwork, deadlineMs: number): ProgramFunction<readonly []> {
  const { macAddress, address, netmask, gateway, onLink } = network;

  const isOurs = fn('isOurs', ['name'], [], ({ name }) => [
    startText(path, PATH_ROOM),
    appendText(path, '/sys/class/net/'),
    appendText(path, name),
    appendText(path, '/address'),
    appendByte(path, 0),
    when([readFile(bytesOf(path), macText, 64), '<', MAC_LENGTH], [giveBack(0)]),
    giveBack(areSame(macText, macAddress, MAC_LENGTH)),
  ]);

  /** Puts the interface's name into the request. Gives back 1, or 0 when it is not there. */
  const look = fn('lookForInterface', [], ['folder', 'size', 'at'], (walk) =>
    eachEntry('/sys/class/net', walk, (name) => [
      when(isOurs(name), [
        zeroBytes(request, IFREQ_SIZE),
        // IFNAMSIZ is 16 with the NUL.
        copyBytes(request, name, [lengthOf(name), '&', 15]),
        sys.close(walk.folder),
        giveBack(1),
      ]),
    ]),
  );

  return fn('startNetwork', [], ['socket', 'status'], ({ socket, status }) => [
    loopWhile(
      [look(), '==', 0],
      [when([monotonicMs(), '>=', deadlineMs], [giveBack(-ENODEV)]), sleepMs(PAUSE_MS)],
    ),
    set(socket, sys.socket(AF_INET, SOCK_DGRAM | LINUX.O_CLOEXEC, 0)),
    when([socket, '<', 0], [giveBack(socket)]),
    ...storeAddress([request, '+', IFREQ_CONTENT], address),
    ...ask(socket, status, SIOCSIFADDR, request),
    ...storeAddress([request, '+', IFREQ_CONTENT], netmask),
    ...ask(socket, status, SIOCSIFNETMASK, request),
    zeroBytes([request, '+', IFREQ_CONTENT], IFREQ_SIZE - IFREQ_CONTENT),
    store.u16([request, '+', IFREQ_CONTENT], UP),
    ...ask(socket, status, SIOCSIFFLAGS, request),
    // First: the kernel refuses a gateway that no route leads to.
    ...(onLink === undefined ? [] : addRoute(socket, status, onLink, undefined)),
    ...(gateway === undefined ? [] : addRoute(socket, status, ANYWHERE, gateway)),
    giveBack(sys.close(socket)),
  ]);
}

/** A route to one address, or to everybody; the name of the interface is in the request. */
function addRoute(
  socket: Local,
  status: Local,
  to: Uint8Array,
  gateway: Uint8Array | undefined,
): readonly Statement[] {
  const isHost = to.some((part) => part !== 0);
  return [
    ...storeAddress([route, '+', ROUTE.destination], to),
    ...storeAddress([route, '+', ROUTE.gateway], gateway ?? ANYWHERE),
    // Of a route to a host the kernel takes no netmask.
    ...storeAddress([route, '+', ROUTE.netmask], ANYWHERE),
    store.u16(
      [route, '+', ROUTE.flags],
      RTF.up | (isHost ? RTF.host : 0) | (gateway === undefined ? 0 : RTF.gateway),
    ),
    store.u64([route, '+', ROUTE.device], request),
    set(status, sys.ioctl(socket, SIOCADDRT, route)),
    // It is there when the network was started before.
    when([[status, '<', 0], '&&', [status, '!=', -EEXIST]], [sys.close(socket), giveBack(status)]),
  ];
}

function ask(socket: Local, status: Local, code: number, argument: Term): readonly Statement[] {
  return [
    set(status, sys.ioctl(socket, code, argument)),
    when([status, '<', 0], [sys.close(socket), giveBack(status)]),
  ];
}
