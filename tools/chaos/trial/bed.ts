/**
 * Full Debian machines with khop installed and everything prepared, each started from one checkpoint: only the trial, the
 * fault and the way home take time.
 * @module
 */
import { createHash } from 'node:crypto';
import { startFromCheckpoint } from '../../../src/lab/checkpoint.ts';
import { describeFullMachine, waitForSystem } from '../../../src/lab/full-machine.ts';
import { prepareGuest } from '../../../src/lab/guest-preparation.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { quickDeb } from '../../package/quick-deb.ts';

/** A machine to try a kernel on. */
export interface TrialBed {
  readonly firmware: 'seabios' | 'ovmf';
  readonly hasWatchdog: boolean;
}

/** Commands of the installed khop; the lab's own is not on their path. */
export const INSTALLED = 'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin';
/** Everything a trial takes is made once, by an emulated processor. */
const MAKE = { timeoutMs: 600_000 };
const COPY_TIMEOUT_MS = 300_000;
const START_TIMEOUT_MS = 120_000;

/** Short deadlines, so that a case that waits for one ends soon. */
const CONFIGURATION = ['trial-boot-deadline = 90', 'trial-deadline = 200', ''].join('\n');

/** The kernel to try. */
export const TARGET =
  '$(khop list --json | sed -n \'s/.*"id": "\\([^"]*6\\.12[^"]*\\)".*/\\1/p\' | head -n 1)';

export async function startTrialBed(bed: TrialBed): Promise<VirtualMachine> {
  const deb = await quickDeb();
  const description = await describeFullMachine({
    firmware: bed.firmware,
    memoryMib: 2048,
    kernelsToHopTo: [],
    withoutKhop: true,
    extraArguments: bed.hasWatchdog ? ['-device', 'i6300esb', '-action', 'watchdog=reset'] : [],
  });
  const machine = await startFromCheckpoint(description, {
    prepared: 'a trial that was planned',
    madeWith: { deb: createHash('sha256').update(deb).digest('hex') },
    isReady: (fresh) => install(fresh, deb, bed),
    keepFolder: true,
  });
  await machine.waitForHello(START_TIMEOUT_MS);
  await prepareGuest(machine, { hasKhop: false });
  return machine;
}

async function install(machine: VirtualMachine, deb: Uint8Array, bed: TrialBed): Promise<void> {
  await waitForSystem(machine);
  await prepareGuest(machine, { hasKhop: false });
  await machine.copyIn(deb, '/root/khop.deb', 0o644, COPY_TIMEOUT_MS);
  await machine.run('dpkg --install /root/khop.deb && rm /root/khop.deb', MAKE);
  await machine.copyIn(CONFIGURATION, '/etc/khop/khop.conf');
  if (bed.hasWatchdog) await machine.run('modprobe i6300esb', MAKE);
  await machine.run(`${INSTALLED} sh -c 'khop switch ${TARGET} --fast --dry-run >/root/dry-run'`, MAKE);
  await machine.run('sync', MAKE);
}
