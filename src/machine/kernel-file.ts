/**
 * Giving bytes to the kernel as a file descriptor.
 * @module
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { KhopError } from '../error.ts';
import type { NamedBytes } from '../formats/named-bytes.ts';
import { forgetCleanPages } from './clean-pages.ts';
import { changed, leaseOf } from './leased-file.ts';
import {
  type SyscallArgument,
  type SyscallOutcome,
  syscall,
  syscallError,
  textArgument,
  trySyscall,
} from './syscall.ts';

/** An open descriptor; closed when disposed. */
export interface KernelFile extends Disposable {
  readonly descriptor: number;
}

const CHUNK = 1 << 20;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Since 6.3; where the sysctl vm.memfd_noexec is 2, a memfd without it is refused. */
const MFD_NOEXEC_SEAL = 8;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE: what was written is what the kernel reads. */
const SEALS = 0xf;

/**
 * A file is handed over as it is where its path is known, because the kernel checks signatures and IMA marks
 * on the file itself; other bytes go through a sealed memfd.
 *
 * @throws E_NOT_FOUND or E_UNREADABLE when the file cannot be opened; E_REFUSED when it no longer holds the
 *   bytes that were planned with; E_SYSCALL when there is no memory for a memfd
 */
export function openKernelFile(file: NamedBytes): KernelFile {
  const lease = file.path === undefined ? undefined : leaseOf(file.bytes);
  if (lease !== undefined) {
    if (!lease.isHeld()) throw changed(lease.path);
    // It belongs to the lease.
    return { descriptor: lease.descriptor, [Symbol.dispose]: () => undefined };
  }
  const descriptor = file.path === undefined ? writeMemfd(file) : openUnchanged(file, file.path);
  return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
}

function openUnchanged(file: NamedBytes, path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new KhopError(
      isMissing ? 'E_NOT_FOUND' : 'E_UNREADABLE',
      `${file.name} cannot be opened: ${(cause as Error).message}`,
      { hint: isMissing ? 'Run the command again; `khop list` shows what there is.' : 'Run as root.', cause },
    );
  }
  if (holdsBytes(descriptor, file.bytes)) return descriptor;
  closeSync(descriptor);
  throw changed(path);
}

function holdsBytes(descriptor: number, bytes: Uint8Array): boolean {
  if (fstatSync(descriptor).size !== bytes.length) return false;
  const chunk = Buffer.alloc(Math.min(CHUNK, bytes.length));
  for (let offset = 0; offset < bytes.length; ) {
    const length = readSync(descriptor, chunk, 0, chunk.length, offset);
    if (length === 0 || chunk.compare(bytes, offset, offset + length, 0, length) !== 0) return false;
    forgetCleanPages(bytes.subarray(offset, offset + length));
    offset += length;
  }
  return true;
}

function writeMemfd(file: NamedBytes): number {
  const descriptor = createMemfd();
  try {
    for (let offset = 0; offset < file.bytes.length; )
      offset += writeSync(descriptor, file.bytes, offset, Math.min(CHUNK, file.bytes.length - offset));
    const seals: SyscallArgument = { name: 'seals', value: SEALS, shown: 'F_SEAL_*' };
    syscall(
      'fcntl',
      { name: 'fd', value: descriptor },
      { name: 'cmd', value: F_ADD_SEALS, shown: 'F_ADD_SEALS' },
      seals,
    );
    return descriptor;
  } catch (cause) {
    closeSync(descriptor);
    if (cause instanceof KhopError) throw cause;
    throw new KhopError('E_SYSCALL', `${file.name} cannot be copied to memory: ${(cause as Error).message}`, {
      hint: `Free ${Math.ceil(file.bytes.length / CHUNK)} MiB of memory, then try again.`,
      cause,
    });
  }
}

function createMemfd(): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const create = (value: number): [SyscallOutcome, SyscallArgument[]] => {
    const args = [textArgument('name', 'khop'), { name: 'flags', value, shown: `0x${value.toString(16)}` }];
    return [trySyscall('memfd_create', ...args), args];
  };
  let [made, args] = create(flags | MFD_NOEXEC_SEAL);
  if (!made.ok && made.name === 'EINVAL') [made, args] = create(flags);
  if (made.ok) return Number(made.value);
  throw syscallError('memfd_create', args, made.errno);
}
