/**
 * What the guard needs of the world besides what a switch does.
 * @module
 */
import type { ProgramFiles } from '../machine/program-files.ts';
import type { Reading } from '../machine/reading.ts';
import type { ReportPlace } from '../machine/report-place.ts';
import type { CaptureModule } from '../plan/capture/capture-initramfs.ts';
import type { SwitchWorld } from '../switch/world.ts';

export interface GuardWorld extends SwitchWorld {
  /** Where a folder lies, for a kernel without mounts. The folder need not exist. @param path absolute */
  readonly readReportPlace: (path: string) => Reading<ReportPlace>;
  /** A program of the running system, with its loader and libraries. @param name e.g. `makedumpfile` */
  readonly readProgramFiles: (name: string) => Reading<ProgramFiles>;
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
