/**
 * What the use cases of this room need of the world, as one value: on a machine it is made of `machine/`, in
 * a test of a recorded tree and calls that only remember.
 * @module
 */
import type { NamedBytes } from '../formats/named-bytes.ts';
import type { MachineFacts } from '../machine/facts.ts';
import type { InitramfsNeeds } from '../machine/initramfs-needs.ts';
import type { Reading } from '../machine/reading.ts';
import type { KexecSlot } from '../plan/load-plan.ts';
import type { Configuration } from './configuration.ts';
import type { Remembered } from './remembered.ts';

/** Absolute folders; all but `root` are created when first written to. */
export interface Folders {
  /** The system that is read: `/`, or a recorded tree. */
  readonly root: string;
  /** Kept for ever: ticket and history, /var/lib/khop. */
  readonly state: string;
  /** Gone at the next boot: what is loaded, /run/khop. */
  readonly run: string;
  /** Can be deleted at any time, /var/cache/khop. */
  readonly cache: string;
}

/** The kernel's kexec calls. Each throws E_SYSCALL with the kernel's own reason. */
export interface KexecCalls {
  readonly fileLoad: (load: {
    readonly image: NamedBytes;
    readonly initrd: NamedBytes | undefined;
    readonly commandLine: string;
    readonly flags: number;
    readonly optionalFlags: number;
  }) => Promise<void>;
  readonly segmentsLoad: (load: {
    readonly entry: bigint;
    readonly segments: readonly { address: bigint; memorySize: number; bytes: Uint8Array }[];
    readonly flags: number;
    readonly optionalFlags: number;
  }) => Promise<void>;
  readonly unload: (slot: KexecSlot) => void;
}

/** Ways down. Each ends in the jump, or throws with the system as far up as it still is. */
export interface ShutdownCalls {
  /** Writes to the disks what can be written while everything still runs, so that the way down has less to do. */
  readonly syncAhead: () => Promise<void>;
  /**
   * Tells the guardian that a trial has left here, if there is one: its watchdog gets time for the start of the next kernel.
   * Never throws: with less time it goes on all the same.
   */
  readonly sayLeaving: () => void;
  /** Asks the service manager for its kexec target and returns; it does the rest. Forced: whoever blocks shutdowns. */
  readonly throughServiceManager: (options?: { readonly isForced: boolean }) => Promise<void>;
  /** Stops processes, makes file systems read-only, verifies, jumps. Does not return on success. */
  readonly byOurselves: (options: { readonly stopTimeoutMs: number }) => Promise<void>;
  /** Syncs, makes file systems read-only, verifies, jumps. Does not return on success. */
  readonly now: () => Promise<void>;
  /**
   * Jumps with nothing but, where asked for, a sync and network interfaces taken down before: what kexec -e
   * does. Returns only by throwing.
   */
  readonly immediately: (options: { readonly sync: boolean; readonly ifdown: boolean }) => void;
}

/** State files: durable where they must be. Paths are absolute. */
export interface StateFiles {
  readonly read: (path: string) => string | undefined;
  readonly write: (path: string, text: string) => void;
  readonly append: (path: string, text: string) => void;
  /** Bytes stay as they are, whatever they are. */
  readonly rename: (path: string, to: string) => void;
  readonly remove: (path: string) => void;
}

/** Everything a use case is given. */
export interface SwitchWorld {
  readonly folders: Folders;
  readonly configuration: Configuration;
  readonly signal: AbortSignal;
  /** Realtime, ms since 1970. */
  readonly nowMs: () => number;
  /** A line about progress. */
  readonly remark: (line: string) => void;
  readonly readMachine: () => MachineFacts;
  /** Walks all devices: only for who prepares an initramfs. */
  readonly readInitramfsNeeds: () => InitramfsNeeds;
  /** Of a device's PCI configuration. */
  readonly readPciByte: (address: string, offset: number) => Reading<number>;
  /** Fresh random bytes. */
  readonly entropy: (length: number) => Uint8Array;
  /** Undefined: each plan reads everything for itself. */
  readonly remembered?: Remembered | undefined;
  readonly kexec: KexecCalls;
  readonly shutdown: ShutdownCalls;
  readonly files: StateFiles;
  /** Runs `work` while no other khop changes anything. @throws E_BUSY */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
}
