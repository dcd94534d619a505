/**
 * Machines that start where another one was: booted once, saved, and started from that in less than a second.
 * @module
 */
import { runProcess } from '../machine/run-process.ts';
import { type CacheInputs, cachedFolder } from './cache-folder.ts';
import { PLATFORMS } from './platform.ts';
import { type MachineDescription, machineFiles } from './qemu.ts';
import type { QemuLife } from './qemu-process.ts';
import { VirtualMachine } from './virtual-machine.ts';

const MAKE_TIMEOUT_MS = 400_000;
const REBASE_TIMEOUT_MS = 120_000;

/** How to make the checkpoint where there is none. */
export interface CheckpointOptions {
  /** Waits until the machine is in the state that is worth saving. */
  readonly isReady: (machine: VirtualMachine) => Promise<void>;
  /** What that state depends on besides the description, e.g. packages that `isReady` installs. */
  readonly madeWith?: CacheInputs | undefined;
  /**
   * What `isReady` does besides waiting, in words: a part of the checkpoint's name. Then khop itself has been at work
   * there, and an edit of its sources makes another checkpoint.
   */
  readonly prepared?: string | undefined;
  /** Where to go on from when it is made: a machine of the same description; undefined: one that is switched on. */
  readonly begin?: (() => Promise<VirtualMachine>) | undefined;
  /** The machine that starts, where it is to differ from the one that was saved. */
  readonly alter?: ((description: MachineDescription) => MachineDescription) | undefined;
  readonly keepFolder?: boolean | undefined;
  readonly endsWith?: QemuLife | undefined;
}

/** A machine of this description, as it was when `isReady` was done with another one. */
export async function startFromCheckpoint(
  description: MachineDescription,
  options: CheckpointOptions,
): Promise<VirtualMachine> {
  const { qemu, machine: board } = PLATFORMS[description.architecture];
  const { stdout } = await runProcess(qemu, ['--version'], { timeoutMs: 20_000 });
  const folder = await cachedFolder({
    kind: 'checkpoint',
    inputs: {
      recipe: 3,
      qemu: stdout,
      board,
      description: options.prepared === undefined ? withoutProgramDisk(description) : description,
      prepared: options.prepared,
      madeWith: options.madeWith,
    },
    // A hundred megabytes each, and made again in the time of one boot.
    keepDays: 2,
    timeoutMs: MAKE_TIMEOUT_MS,
    build: async (target) => {
      await using machine = await (options.begin?.() ?? VirtualMachine.start(description));
      await options.isReady(machine);
      await machine.saveCheckpoint(target);
      if (options.begin !== undefined) await standAlone(description, target);
    },
  });
  const { state } = machineFiles(folder);
  const { keepFolder, endsWith, alter = (same: MachineDescription) => same } = options;
  const started = alter(atCheckpoint(description, folder));
  return await VirtualMachine.start(started, { state, keepFolder, endsWith });
}

/** khop's own disk is mounted after the start, so that an edit of its sources keeps the checkpoints. */
function withoutProgramDisk(description: MachineDescription): MachineDescription {
  const disks = description.disks.map((disk) =>
    disk.serial === 'khop-program' ? { ...disk, path: '' } : disk,
  );
  return { ...description, disks };
}

/** Takes over what the disks in `folder` have of those of another checkpoint, which may go before this one. */
async function standAlone(description: MachineDescription, folder: string): Promise<void> {
  for (const [index, disk] of description.disks.entries())
    if (disk.access === 'overlay')
      await runProcess(
        'qemu-img',
        [
          ...['rebase', '-q', '-f', 'qcow2', '-b', disk.path],
          ...['-F', disk.path.endsWith('.qcow2') ? 'qcow2' : 'raw', machineFiles(folder).overlay(index)],
        ],
        { timeoutMs: REBASE_TIMEOUT_MS },
      );
}

/** `description` with the files that were saved in `folder`. */
function atCheckpoint(description: MachineDescription, folder: string): MachineDescription {
  const files = machineFiles(folder);
  const { firmware } = description;
  return {
    ...description,
    firmware: firmware.kind === 'ovmf' ? { ...firmware, variables: files.variables } : firmware,
    disks: description.disks.map((disk, index) =>
      disk.access === 'overlay' ? { ...disk, path: files.overlay(index) } : disk,
    ),
  };
}
