/**
 * What the guard needs of the world besides what a switch does.
 * @module
 */
import type { BootLoaderState } from '../kernels/boot-loader-state.ts';
import type { BootLoaderStep } from '../machine/boot-loader/boot-loader-step.ts';
import type { NetworkPath } from '../machine/network-path.ts';
import type { ProgramFiles } from '../machine/program-files.ts';
import type { RawAreaState } from '../machine/raw-area.ts';
import type { Reading } from '../machine/reading.ts';
import type { ReportPlace } from '../machine/report-place.ts';
import type { SshOrder } from '../machine/ssh-program.ts';
import type { SshServer } from '../machine/ssh-server.ts';
import type { CaptureModule } from '../plan/capture/capture-initramfs.ts';
import type { SwitchWorld } from '../switch/world.ts';

/** Partitions without a file system. Devices are paths. */
interface RawAreas {
  /** @param partition PARTUUID in lower case */
  readonly find: (partition: string) => Reading<string>;
  /** @throws E_REFUSED, E_UNREADABLE */
  readonly read: (device: string) => RawAreaState;
  /** Of the drivers of its disk. */
  readonly modules: (device: string) => Reading<readonly string[]>;
  /** @throws E_REFUSED, E_UNREADABLE */
  readonly label: (device: string, id: Uint8Array) => void;
}

/** The boot loader's state, and changes to it. */
export interface BootLoaderCalls {
  /** @throws E_UNSUPPORTED when no boot loader is known here */
  readonly read: () => Promise<BootLoaderState>;
  /** One sentence for each file that could not be changed. */
  readonly obstacles: (steps: readonly BootLoaderStep[]) => readonly string[];
  readonly apply: (steps: readonly BootLoaderStep[]) => Promise<void>;
}

/** See the module. */
export interface GuardWorld extends SwitchWorld {
  readonly bootLoader: BootLoaderCalls;
  /** Asks for an ordinary reboot and returns; services stop in order. */
  readonly rebootThroughFirmware: () => Promise<void>;
  /** Where a folder lies, for a kernel without mounts. The folder need not exist. @param path absolute */
  readonly readReportPlace: (path: string) => Reading<ReportPlace>;
  /** Where the file system with this UUID is mounted. */
  readonly findMount: (uuid: string) => Reading<string>;
  readonly rawAreas: RawAreas;
  /** Four bytes. @throws E_NOT_FOUND */
  readonly resolveHost: (host: string) => Promise<Uint8Array>;
  readonly readNetworkPath: (to: Uint8Array) => Reading<NetworkPath>;
  /** A program of the running system, with its loader and libraries. @param name e.g. `makedumpfile` */
  readonly readProgramFiles: (name: string) => Reading<ProgramFiles>;
  /** Encrypts a few words for age public keys, to see that it can be done. @param program path of age. @throws E_CHILD, E_TIMEOUT */
  readonly tryEncryption: (program: string, recipients: readonly string[]) => Promise<void>;
  /**
   * Unpacks an empty archive on another machine, to see that it can be logged in to. @param hostKeys `TYPE KEY` each
   * @throws E_CHILD, E_TIMEOUT
   */
  readonly trySsh: (program: string, order: SshOrder) => Promise<void>;
  /** The ssh server of this machine; why root could not log in by it is the reading's reason. */
  readonly readSshServer: () => Promise<Reading<SshServer>>;
  /** Starts curl, to see that a server can be reached. @throws E_CHILD, E_TIMEOUT */
  readonly tryCurl: (program: string, args: readonly string[]) => Promise<void>;
  /**
   * Modules of a release with what they need, in the order in which they go in; what is built in is left out.
   * @throws E_NOT_FOUND when one is not there
   */
  readonly collectModules: (
    release: string,
    names: readonly string[],
    optional: readonly string[],
  ) => Promise<readonly CaptureModule[]>;
}
