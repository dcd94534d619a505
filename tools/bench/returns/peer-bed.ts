/**
 * The machine of the others: the same as khop's, without khop. What is known of kernels is in one place here, so that all
 * of them start the same.
 * @module
 */
import type { CacheInputs } from '../../../src/lab/cache-folder.ts';
import { startFromCheckpoint } from '../../../src/lab/checkpoint.ts';
import { DISK_IDENTITY } from '../../../src/lab/grub-disk.ts';
import { whenPrepared } from '../../../src/lab/guest-preparation.ts';
import type { LabDisk } from '../../../src/lab/qemu.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { describeTrialBed, setUpNetwork } from '../../chaos/trial/bed.ts';
import { COMMAND } from '../../chaos/trial/fault.ts';
import type { KernelChange } from './fault-classes.ts';
import type { ReturnBed } from './return-methods.ts';

/** As the lab's own boot entries have it; khop takes it over from the kernel that runs. */
export const COMMAND_LINE = `root=UUID=${DISK_IDENTITY.ROOT_UUID} ro quiet console=ttyS0`;
/** The shortest wait there is before the reset; khop's trial waits ten seconds, where it has to go through the firmware. */
const PANIC = 'panic=1';

/** systemd pets the watchdog while it lives, and leaves it running over a restart. */
const WATCHDOG = '[Manager]\nRuntimeWatchdogSec=30s\n';

/** What one of them needs. */
export interface PeerSetUp {
  /** In words, with everything that it is made from. */
  readonly madeWith: CacheInputs;
  readonly install: (machine: VirtualMachine) => Promise<void>;
  readonly moreDisks?: readonly LabDisk[] | undefined;
}

/** A machine of its own that runs the known-good kernel. */
export async function startPeerMachine(bed: ReturnBed, setUp: PeerSetUp): Promise<VirtualMachine> {
  const { madeWith, install, moreDisks = [] } = setUp;
  const described = await describeTrialBed(bed);
  const description = { ...described, disks: [...described.disks, ...moreDisks] };
  const machine = await startFromCheckpoint(description, {
    madeWith: { recipe: 1, ...madeWith },
    isReady: async (fresh) => {
      await setUpNetwork(fresh);
      if (bed.hasWatchdog) await installWatchdog(fresh);
      await install(fresh);
      await fresh.run('sync', COMMAND);
    },
  });
  return await whenPrepared(machine, { hasKhop: false });
}

async function installWatchdog(machine: VirtualMachine): Promise<void> {
  await machine.copyIn(WATCHDOG, '/etc/systemd/system.conf.d/watchdog.conf');
  await machine.copyIn('i6300esb\n', '/etc/modules-load.d/watchdog.conf');
}

/** The new kernel's whole command line. */
export function trialCommandLine({ parameters }: KernelChange): string {
  return [COMMAND_LINE, PANIC, parameters].filter(Boolean).join(' ');
}

/** Shell words for the files of its initramfs, in order. */
export function trialInitrds({ initrd, overlay }: KernelChange): string[] {
  return [initrd ?? '/boot/initrd.img-6.12*', ...(overlay === undefined ? [] : [overlay])];
}
