/**
 * Constants of Linux that programs hand to system calls: include/uapi/asm-generic/fcntl.h and its like. A few differ
 * between the architectures.
 * @module
 */
import { perArchitecture } from '../terms.ts';

export const LINUX = {
  AT_FDCWD: -100,
  O_RDONLY: 0,
  O_WRONLY: 0o1,
  O_RDWR: 0o2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  O_DIRECT: perArchitecture({ 'x86-64': 0o40000, arm64: 0o200000 }),
  O_DIRECTORY: perArchitecture({ 'x86-64': 0o200000, arm64: 0o40000 }),
  O_NOFOLLOW: perArchitecture({ 'x86-64': 0o400000, arm64: 0o100000 }),
  SEEK_SET: 0,
  SEEK_END: 2,
  PROT_READ: 1,
  PROT_WRITE: 2,
  MAP_PRIVATE: 2,
  MAP_ANONYMOUS: 0x20,
  SIGKILL: 9,
  SIGCHLD: 17,
  WNOHANG: 1,
  EINTR: 4,
  EIO: 5,
  EAGAIN: 11,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  EPIPE: 32,
  ENODATA: 61,
  ETIMEDOUT: 110,
  CLOCK_MONOTONIC: 1,
  CLOCK_BOOTTIME: 7,
  SIG_BLOCK: 0,
  SIG_SETMASK: 2,
} as const;
