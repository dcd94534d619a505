/**
 * The world of the guard on this machine.
 * @module
 */
import { join } from 'node:path';
import type { BootLoaderCalls, GuardWorld } from '../guard/world.ts';
import { readBootLoaderState } from '../kernels/boot-loader-state.ts';
import { readFileSystems } from '../kernels/file-systems.ts';
import { collectModules } from '../kernels/kernel-modules.ts';
import { tryEncryption } from '../machine/age-program.ts';
import { applyBootLoaderSteps, bootLoaderObstacles } from '../machine/boot-loader/apply-steps.ts';
import { readUBootVariables } from '../machine/boot-loader/u-boot-environment.ts';
import { readEfiLoaderVariables } from '../machine/efi-loader-variables.ts';
import { readNetworkPath, resolveHost } from '../machine/network-path.ts';
import { readProgramFiles } from '../machine/program-files.ts';
import { findPartition, labelRawArea, modulesOfPartition, readRawArea } from '../machine/raw-area.ts';
import { valueOf } from '../machine/reading.ts';
import { findMount, readReportPlace } from '../machine/report-place.ts';
import { runProcess } from '../machine/run-process.ts';
import { startReboot } from '../machine/service-manager.ts';
import { readText } from '../machine/source.ts';
import { trySsh } from '../machine/ssh-program.ts';
import { readSshServer } from '../machine/ssh-server.ts';
import type { CliContext } from './context.ts';
import { openWorld } from './world.ts';

const CURL_TIMEOUT_MS = 60_000;

/** As `openWorld`, for the system that runs. */
export function openGuardWorld(context: CliContext): GuardWorld {
  const world = openWorld(context);
  const { root } = world.folders;
  return {
    ...world,
    bootLoader: bootLoaderCalls(context, root),
    rebootThroughFirmware: async () => await startReboot(context),
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
    tryEncryption: async (program, recipients) =>
      await tryEncryption(join(root, program), recipients, context),
    trySsh: async (program, order) => await trySsh(join(root, program), order, context),
    readSshServer: async () => await readSshServer(root, context),
    tryCurl: async (program, args) => {
      await runProcess(join(root, program), args, { ...context, timeoutMs: CURL_TIMEOUT_MS });
    },
    readProgramFiles: (name) => readProgramFiles(root, name),
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
        loaderEntryOneShot: valueOf(variables.entryOneShot),
        uBootVariables: await readUBootVariables(root),
      });
    },
    obstacles: (steps) => bootLoaderObstacles(root, steps),
    apply: async (steps) => await applyBootLoaderSteps(root, steps, { signal }),
  };
}
