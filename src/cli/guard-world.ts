/**
 * The world of the guard on this machine.
 * @module
 */
import { join } from 'node:path';
import type { BootLoaderCalls, GuardWorld } from '../guard/world.ts';
import { readBootLoaderState } from '../kernels/boot-loader-state.ts';
import { readFileSystems } from '../kernels/file-systems.ts';
import { collectModules } from '../kernels/kernel-modules.ts';
import { applyBootLoaderSteps, bootLoaderObstacles } from '../machine/boot-loader/apply-steps.ts';
import { readUBootVariables } from '../machine/boot-loader/u-boot-environment.ts';
import { readEfiLoaderVariables } from '../machine/efi-loader-variables.ts';
import { valueOf } from '../machine/reading.ts';
import { readReportPlace } from '../machine/report-place.ts';
import { startReboot, tellUsers } from '../machine/service-manager.ts';
import { readText } from '../machine/source.ts';
import type { CliContext } from './context.ts';
import { openWorld } from './world.ts';

/** As `openWorld`, for the system that runs. */
export function openGuardWorld(context: CliContext): GuardWorld {
  const world = openWorld(context);
  const { root } = world.folders;
  return {
    ...world,
    bootLoader: bootLoaderCalls(context, root),
    tellUsers: async (text) => await tellUsers(text, context),
    rebootThroughFirmware: async () => await startReboot(context),
    readReportPlace: (path) => readReportPlace(root, path),
    collectModules: async (release, names, optional) =>
      await collectModules(join(root, 'lib/modules', release), names, optional),
  };
}

function bootLoaderCalls({ signal }: CliContext, root: string): BootLoaderCalls {
  return {
    read: async () => {
      const variables = readEfiLoaderVariables(root);
      return readBootLoaderState({
        root,
        fileSystems: readFileSystems(root),
        runningCommandLine: valueOf(readText(root, '/proc/cmdline')),
        loaderInfo: valueOf(variables.info),
        loaderEntryDefault: valueOf(variables.entryDefault),
        uBootVariables: await readUBootVariables(root),
      });
    },
    obstacles: (steps) => bootLoaderObstacles(root, steps),
    apply: async (steps) => await applyBootLoaderSteps(root, steps, { signal }),
  };
}
