/**
 * Taking network interfaces down before a jump without an orderly shutdown, as kexec-tools does: the device no
 * longer writes what it receives to the memory of the kernel that comes, and a switch sees the link go.
 * netdevice(7).
 * @module
 */
import { closeSync, readFileSync } from 'node:fs';
import { formatErrno } from './errno.ts';
import { linesOf } from './source.ts';
import { syscall, trySyscall } from './syscall.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** struct ifreq: 16 bytes of name with its NUL, then here flags as a short. */
const IFREQ_SIZE = 40;
const FLAGS_OFFSET = 16;

/**
 * Names in `/proc/net/dev`, in the order in which they go down: shapers before the interfaces that they are
 * attached to, the loopback interface not at all.
 */
export function interfacesToTakeDown(procNetDev: string): string[] {
  const names = linesOf(procNetDev).flatMap((line) => /^\s*([^\s|]+):/.exec(line)?.[1] ?? []);
  const isShaper = (name: string) => name.startsWith('shaper');
  return [...names.filter(isShaper), ...names.filter((name) => !isShaper(name) && name !== 'lo')];
}

/**
 * Clears IFF_UP of every interface of this network namespace.
 * @returns one sentence for each that stays up
 * @throws SyscallError without a socket
 */
export function takeInterfacesDown(): string[] {
  // Requests about interfaces are answered by a socket of any family, and a kernel may lack IPv4.
  const socket = Number(
    syscall(
      'socket',
      { name: 'domain', value: AF_UNIX, shown: 'AF_UNIX' },
      { name: 'type', value: SOCK_DGRAM | SOCK_CLOEXEC, shown: 'SOCK_DGRAM|SOCK_CLOEXEC' },
      { name: 'protocol', value: 0 },
    ),
  );
  try {
    return interfacesToTakeDown(readFileSync('/proc/self/net/dev', 'utf8')).flatMap(
      (name) => takeDown(socket, name) ?? [],
    );
  } finally {
    closeSync(socket);
  }
}

function takeDown(socket: number, name: string): string | undefined {
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name);
  const ask = (code: number) =>
    trySyscall(
      'ioctl',
      { name: 'fd', value: socket },
      { name: 'op', value: code },
      { name: 'ifreq', value: request },
    );
  let outcome = ask(SIOCGIFFLAGS);
  if (outcome.ok) {
    const flags = request.readUInt16LE(FLAGS_OFFSET);
    if ((flags & IFF_UP) === 0) return undefined;
    request.writeUInt16LE(flags & ~IFF_UP, FLAGS_OFFSET);
    outcome = ask(SIOCSIFFLAGS);
  }
  return outcome.ok ? undefined : `the interface ${name} stays up: ${formatErrno(outcome.errno)}`;
}
