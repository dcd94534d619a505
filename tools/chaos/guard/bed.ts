/**
 * Machines with the guard armed, each started from one checkpoint: only the fault and what comes of it takes time.
 * @module
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../../../src/error.ts';
import { collectModules } from '../../../src/kernels/kernel-modules.ts';
import { cachedFolder } from '../../../src/lab/cache-folder.ts';
import { startFromCheckpoint } from '../../../src/lab/checkpoint.ts';
import { writeExt4Image } from '../../../src/lab/ext4-image.ts';
import { prepareGuest } from '../../../src/lab/guest-preparation.ts';
import { type KernelLine, labKernel } from '../../../src/lab/kernel-store.ts';
import { labAccelerator } from '../../../src/lab/lab-accelerator.ts';
import type { MachineDescription } from '../../../src/lab/qemu.ts';
import { describeSmallMachine } from '../../../src/lab/small-machine-description.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';

/** A machine to crash. */
export interface GuardBed {
  readonly kernel: KernelLine;
  readonly firmware: 'seabios' | 'ovmf';
  /** crashkernel=. */
  readonly reservation: string;
  readonly hasWatchdog?: boolean;
}

/** From the start of the panic kernel until it leaves at the latest. */
export const DEADLINE_SECONDS = 30;
/** Of the target among the disks. */
export const TARGET_INDEX = 2;

const BOOT_TIMEOUT_MS = 180_000;
const COMMAND = { timeoutMs: 120_000 };
/** Kernels are unpacked there, by an emulated processor. */
const ARM = { timeoutMs: 400_000 };
/** Small, because every case copies and checks it. */
const DISK_MIB = 64;
const WATCHDOG_MODULE = 'i6300esb';

/** Mounts the disk for reports to be written to, as every kernel of this machine has to. */
export const MOUNT_TARGET =
  'mkdir -p /var/lib/khop && mount-tool target /var/lib/khop && mount -o remount,rw /var/lib/khop';

/** The machine as a value; switched on, it is one that nobody armed. */
export async function describeBed(bed: GuardBed): Promise<MachineDescription> {
  const disk = { serial: 'target', path: await targetImage(), access: 'overlay', isPluggable: true } as const;
  return await describeSmallMachine(
    {
      kernel: bed.kernel,
      firmware: bed.firmware,
      cpus: 2,
      // An oops is a crash here, as on machines that are guarded; so is an NMI that nobody knows.
      kernelArguments: `crashkernel=${bed.reservation} oops=panic unknown_nmi_panic`,
      disks: [disk],
      extraArguments: bed.hasWatchdog ? ['-device', 'i6300esb', '-action', 'watchdog=reset'] : [],
    },
    await labAccelerator(),
  );
}

/** @param alter see `CheckpointOptions` */
export async function startArmed(
  bed: GuardBed,
  alter?: (description: MachineDescription) => MachineDescription,
): Promise<VirtualMachine> {
  const machine = await startFromCheckpoint(await describeBed(bed), {
    prepared: `guard on --deadline ${DEADLINE_SECONDS}${bed.hasWatchdog ? ' with a watchdog' : ''}`,
    isReady: (fresh) => arm(fresh, bed),
    alter,
    keepFolder: true,
  });
  await machine.waitForHello(BOOT_TIMEOUT_MS);
  return machine;
}

interface Armed {
  readonly record: { readonly homeObstacle: string | null; readonly reportObstacle: string | null };
}

async function arm(machine: VirtualMachine, bed: GuardBed): Promise<void> {
  await machine.waitForHello(BOOT_TIMEOUT_MS);
  await prepareGuest(machine, { hasKhop: true });
  if (bed.hasWatchdog) await addWatchdog(machine, bed.kernel);
  // With CPU 0 as its only place a serial interrupt says which CPU dies of it.
  await machine.run('echo 1 >/proc/sys/kernel/sysrq; echo 1 >/proc/irq/4/smp_affinity; true', COMMAND);
  await machine.run(`${MOUNT_TARGET} && khop guard on --deadline ${DEADLINE_SECONDS}`, ARM);
  const { stdout } = await machine.run('khop guard status --json && sync', COMMAND);
  const { homeObstacle, reportObstacle } = (JSON.parse(stdout) as Armed).record;
  const obstacle = homeObstacle ?? reportObstacle;
  if (obstacle !== null)
    throw new KhopError('E_LAB', `the guard of the machine to crash is armed by half: ${obstacle}`, {
      hint: 'Give it a larger reservation in tools/chaos/guard/cases.ts.',
    });
}

async function addWatchdog(machine: VirtualMachine, line: KernelLine): Promise<void> {
  const kernel = await labKernel(line);
  for (const { path, bytes } of await collectModules(kernel.modules, [WATCHDOG_MODULE])) {
    const place = `/lib/modules/${kernel.release}/${path}`;
    await machine.copyIn(bytes, place);
    await machine.run(['insmod', place], COMMAND);
  }
  // As systemd does with RuntimeWatchdogSec=.
  await machine.run(
    'watchdog -T 20 -t 5 /dev/watchdog && grep active /sys/class/watchdog/watchdog0/state',
    COMMAND,
  );
}

async function targetImage(): Promise<string> {
  const folder = await cachedFolder({
    kind: 'chaos-target',
    inputs: { recipe: 1, sizeMib: DISK_MIB },
    timeoutMs: 60_000,
    build: async (target) => {
      await mkdir(join(target, 'empty', 'crashes'), { recursive: true });
      await writeExt4Image(join(target, 'empty'), join(target, 'target.img'), {
        label: 'target',
        spareMib: 0,
        sizeMib: DISK_MIB,
        hasJournal: true,
      });
    },
  });
  return join(folder, 'target.img');
}
