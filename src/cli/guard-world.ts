/**
 * The world of the guard on this machine.
 * @module
 */
import { join } from 'node:path';
import type { GuardWorld } from '../guard/world.ts';
import { collectModules } from '../kernels/kernel-modules.ts';
import { readProgramFiles } from '../machine/program-files.ts';
import { readReportPlace } from '../machine/report-place.ts';
import type { CliContext } from './context.ts';
import { openWorld } from './world.ts';

/** As `openWorld`, for the system that runs. */
export function openGuardWorld(context: CliContext): GuardWorld {
  const world = openWorld(context);
  const { root } = world.folders;
  return {
    ...world,
    readReportPlace: (path) => readReportPlace(root, path),
    readProgramFiles: (name) => readProgramFiles(root, name),
    collectModules: async (release, names, optional) =>
      await collectModules(join(root, 'lib/modules', release), names, optional),
  };
}
