/**
 * System call numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
 * @module
 */

import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';

const X86_64 = {
  lseek: 8,
  ioctl: 16,
  socket: 41,
  fcntl: 72,
  flock: 73,
  sync: 162,
  mount: 165,
  umount2: 166,
  swapoff: 168,
  reboot: 169,
  getxattr: 191,
  kexec_load: 246,
  syncfs: 306,
  memfd_create: 319,
  kexec_file_load: 320,
} as const;

/** The system calls khop makes itself. */
export type SyscallName = keyof typeof X86_64;

export const SYSCALL_NUMBERS: Readonly<Record<Architecture, Readonly<Record<SyscallName, number>>>> = {
  'x86-64': X86_64,
  arm64: {
    getxattr: 8,
    fcntl: 25,
    ioctl: 29,
    flock: 32,
    umount2: 39,
    mount: 40,
    lseek: 62,
    sync: 81,
    kexec_load: 104,
    reboot: 142,
    socket: 198,
    swapoff: 225,
    syncfs: 267,
    memfd_create: 279,
    kexec_file_load: 294,
  },
};

/**
 * The architecture this process runs on.
 * @throws E_UNSUPPORTED on any other than the two
 */
export function hostArchitecture(arch: string = process.arch): Architecture {
  if (arch === 'x64') return 'x86-64';
  if (arch === 'arm64') return 'arm64';
  throw new KhopError('E_UNSUPPORTED', `this machine's architecture is ${arch}`, {
    hint: 'khop runs on x86-64 and arm64.',
  });
}
