/**
 * The calls that a watchdog understands: include/uapi/linux/watchdog.h.
 * @module
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SyscallOutcome, trySyscall } from '../syscall.ts';

/** _IOR and _IOWR of 'W' with an int; WDIOC_GETSUPPORT with a struct watchdog_info of 40 bytes. */
export const WDIOC = {
  WDIOC_GETSUPPORT: 0x80285700,
  WDIOC_SETOPTIONS: 0x80045704,
  WDIOC_KEEPALIVE: 0x80045705,
  WDIOC_SETTIMEOUT: 0xc0045706,
  WDIOC_GETTIMEOUT: 0x80045707,
  WDIOC_GETTIMELEFT: 0x8004570a,
} as const;

/** Of WDIOC_SETOPTIONS. */
export const WDIOS_DISABLECARD = 1;
export const WDIOS_ENABLECARD = 2;

/** Options of struct watchdog_info: closing stops it only after a `V`. */
export const WDIOF_MAGICCLOSE = 0x100;
/** In a boot status: the watchdog has reset the machine. */
export const WDIOF_CARDRESET = 0x20;

export const WATCHDOG_INFO_SIZE = 40;

/** What is done with a device; a test gives one that counts in memory. */
export interface WatchdogCalls {
  /** @throws an error with the errno as `code` */
  readonly open: (path: string) => number;
  /** @param argument read by the kernel, or written by it */
  readonly ioctl: (descriptor: number, request: keyof typeof WDIOC, argument: Uint8Array) => SyscallOutcome;
  readonly write: (descriptor: number, text: string) => void;
  readonly close: (descriptor: number) => void;
  readonly sleep: (ms: number) => Promise<void>;
}

/** The devices of this machine. */
export function theseWatchdogs(): WatchdogCalls {
  return {
    open: (path) => openSync(path, 'r+'),
    ioctl: (descriptor, request, argument) =>
      trySyscall(
        'ioctl',
        { name: 'fd', value: descriptor },
        { name: 'request', value: WDIOC[request], shown: request },
        { name: 'argp', value: argument },
      ),
    write: (descriptor, text) => void writeSync(descriptor, text),
    close: closeSync,
    sleep: (ms) => sleep(ms),
  };
}
