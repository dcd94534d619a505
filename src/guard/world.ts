/**
 * What the guard needs of the world besides what a switch does.
 * @module
 */
import type { BootLoaderState } from '../kernels/boot-loader-state.ts';
import type { BootLoaderStep } from '../machine/boot-loader/boot-loader-step.ts';
import type { Reading } from '../machine/reading.ts';
import type { ReportPlace } from '../machine/report-place.ts';
import type { CaptureModule } from '../plan/capture/capture-initramfs.ts';
import type { SwitchWorld } from '../switch/world.ts';

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
  /** A line to everybody who is logged in; one that reaches nobody is no failure. */
  readonly tellUsers: (text: string) => Promise<void>;
  /** Asks for an ordinary reboot and returns; services stop in order. */
  readonly rebootThroughFirmware: () => Promise<void>;
  /** Where a folder lies, for a kernel without mounts. The folder need not exist. @param path absolute */
  readonly readReportPlace: (path: string) => Reading<ReportPlace>;
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
