/**
 * Where a report goes.
 * @module
 */
import type { BroughtProgram } from './brought-program.ts';
import type { DeviceIdentity } from './find-device.ts';

/** A file system and a folder in it. */
export interface FileSystemTarget {
  readonly kind: 'file-system';
  /** As mount(2) takes it. */
  readonly fileSystem: string;
  /** Options for mount(2). */
  readonly options: string;
  /** What the file system has of its own, and where: its UUID in the superblock. */
  readonly identity: DeviceIdentity;
  /** Of the folder of reports, in the file system, e.g. `var/lib/khop/crashes`. */
  readonly folder: string;
  /** How long to wait for the device, ms from the start of the capture kernel. */
  readonly deadlineMs: number;
}

/** A partition without a file system, with khop's label (formats/raw-report.ts). */
export interface RawTarget {
  readonly kind: 'raw';
  /** The id in the label, RAW_REPORT.idSize bytes. */
  readonly id: Uint8Array;
  /** As for a file system. */
  readonly deadlineMs: number;
}

/** A web server that takes files by PUT, over IPv4 and without encryption. */
export interface HttpTarget {
  readonly kind: 'http';
  /** Four bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  /** What the server is called in requests, with its port where that is not 80. */
  readonly host: string;
  /** Begins and ends with a slash. */
  readonly path: string;
  /** Undefined: the network is there already, as it is when a test runs on a machine. */
  readonly network: CaptureNetwork | undefined;
  /** How long to try, ms from the start of the capture kernel. */
  readonly deadlineMs: number;
}

/** A web server that takes files by PUT, over IPv4 and TLS. */
export interface HttpsTarget {
  readonly kind: 'https';
  /** curl with all its arguments but the address, the certificates that it trusts among its files. */
  readonly program: BroughtProgram;
  /** Below which files are put; it ends with a slash. */
  readonly url: string;
  /** As for one without TLS. */
  readonly network: CaptureNetwork | undefined;
  /** How long to try, ms from the start of the capture kernel. */
  readonly deadlineMs: number;
}

/** Another machine that unpacks archives with tar, by ssh over IPv4. */
export interface SshTarget {
  readonly kind: 'ssh';
  /** ssh with all its arguments, the keys of both sides among its files. */
  readonly program: BroughtProgram;
  /** As for a web server. */
  readonly network: CaptureNetwork | undefined;
  /** How long to try, ms from the start of the capture kernel. */
  readonly deadlineMs: number;
}

/** How the running kernel is connected, for a kernel that asks nobody. Addresses are four bytes. */
export interface CaptureNetwork {
  /** Of the interface, as in /sys/class/net/NAME/address. */
  readonly macAddress: string;
  readonly address: Uint8Array;
  readonly netmask: Uint8Array;
  /** Undefined: the server is on the same network. */
  readonly gateway: Uint8Array | undefined;
  /**
   * The gateway or the server, when it is on the same cable although the netmask leaves it out, as it is where a machine
   * has an address with a netmask of 32 bits. 0.0.0.0: everybody is.
   */
  readonly onLink: Uint8Array | undefined;
}

export type CaptureTarget = FileSystemTarget | RawTarget | HttpTarget | HttpsTarget | SshTarget;

/** Where a file system is mounted. */
export const TARGET_MOUNT = '/target';
