/**
 * The world of the guard on this machine.
 * @module
 */
import { join } from 'node:path';
import type { GuardWorld } from '../guard/world.ts';
import { collectModules } from '../kernels/kernel-modules.ts';
import { readNetworkPath, resolveHost } from '../machine/network-path.ts';
import { readProgramFiles } from '../machine/program-files.ts';
import { findPartition, labelRawArea, modulesOfPartition, readRawArea } from '../machine/raw-area.ts';
import { findMount, readReportPlace } from '../machine/report-place.ts';
import type { CliContext } from './context.ts';
import { openWorld } from './world.ts';

/** As `openWorld`, for the system that runs. */
export function openGuardWorld(context: CliContext): GuardWorld {
  const world = openWorld(context);
  const { root } = world.folders;
  return {
    ...world,
    readReportPlace: (path) => readReportPlace(root, path),
    findMount: (uuid) => findMount(root, uuid),
    rawAreas: {
      find: (partition) => findPartition(root, partition),
      read: (device) => readRawArea(join(root, device)),
      modules: (device) => modulesOfPartition(root, device),
      label: (device, id) => labelRawArea(join(root, device), id),
    },
    resolveHost,
    readNetworkPath: (to) => readNetworkPath(root, to),
    readProgramFiles: (name) => readProgramFiles(root, name),
    collectModules: async (release, names, optional) =>
      await collectModules(join(root, 'lib/modules', release), names, optional),
  };
}
