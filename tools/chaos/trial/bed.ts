/**
 * Full Debian machines with khop installed and everything prepared, each started from one checkpoint: only the trial, the
 * fault and the way home take time.
 * @module
 */
import { createHash } from 'node:crypto';
import { startFromCheckpoint } from '../../../src/lab/checkpoint.ts';
import { describeFullMachine, waitForSystem } from '../../../src/lab/full-machine.ts';
import { prepareGuest } from '../../../src/lab/guest-preparation.ts';
import type { MachineDescription } from '../../../src/lab/qemu.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { quickDeb } from '../../package/quick-deb.ts';
import { INSTALLED } from './fault.ts';

/** A machine to try a kernel on. */
export interface TrialBed {
  readonly firmware: 'seabios' | 'ovmf';
  readonly hasWatchdog: boolean;
}

/** Everything a trial takes is made once, by an emulated processor. */
const MAKE = { timeoutMs: 600_000 };
const COPY_TIMEOUT_MS = 300_000;
const START_TIMEOUT_MS = 120_000;

/** A case that waits for the guardian ends soon; an emulated machine needs more than a minute for its start. */
const CONFIGURATION = 'trial-boot-deadline = 150\n';
/** Keeps a trial in the phase of its services until somebody lets it go. */
const HOLD = ['#!/bin/sh', 'case $(uname -r) in 6.12*) test -e /run/go || exit 75;; esac', ''].join('\n');
const HOLD_PATH = '/etc/khop/checks/required.d/hold';

/** Shell words that leave for the kernel on trial, with what no machine of the lab has accepted. */
export function leaveWords(options = ''): string {
  return `${INSTALLED} khop switch 6.12 --fast --accept dead-hang --yes ${options}`;
}

/** Nothing has happened yet; everything is prepared. */
export async function startKnownGood(bed: TrialBed): Promise<VirtualMachine> {
  return await startPrepared(bed, 'a trial that was planned', install);
}

/** On trial, in the phase of its services, until /run/go is there. */
export async function startOnTrial(bed: TrialBed): Promise<VirtualMachine> {
  return await startPrepared(bed, 'on trial, held by a script', async (machine, deb) => {
    await install(machine, deb, bed);
    await machine.copyIn(HOLD, HOLD_PATH, 0o755);
    const { bootId } = await machine.waitForHello(1000);
    await machine.start(leaveWords());
    await machine.waitForNewKernel(bootId, MAKE.timeoutMs);
    await machine.run('until grep -q scripts /run/khop/trial-status.json; do sleep 1; done', MAKE);
    await prepareGuest(machine, { hasKhop: false });
  });
}

async function startPrepared(
  bed: TrialBed,
  prepared: string,
  isReady: (machine: VirtualMachine, deb: Uint8Array, bed: TrialBed) => Promise<void>,
): Promise<VirtualMachine> {
  const deb = await quickDeb();
  const machine = await startFromCheckpoint(await describeTrialBed(bed), {
    prepared,
    madeWith: { deb: createHash('sha256').update(deb).digest('hex') },
    isReady: (fresh) => isReady(fresh, deb, bed),
    keepFolder: true,
  });
  await machine.waitForHello(START_TIMEOUT_MS);
  await prepareGuest(machine, { hasKhop: false });
  return machine;
}

/** The machine as a value; switched on, it is one that khop was never on. */
export async function describeTrialBed(bed: TrialBed): Promise<MachineDescription> {
  return await describeFullMachine({
    firmware: bed.firmware,
    memoryMib: 2048,
    kernelsToHopTo: [],
    withoutKhop: true,
    extraArguments: bed.hasWatchdog ? ['-device', 'i6300esb', '-action', 'watchdog=reset'] : [],
  });
}

async function install(machine: VirtualMachine, deb: Uint8Array, bed: TrialBed): Promise<void> {
  await waitForSystem(machine);
  await prepareGuest(machine, { hasKhop: false });
  await machine.copyIn(deb, '/root/khop.deb', 0o644, COPY_TIMEOUT_MS);
  await machine.run('dpkg --install /root/khop.deb && rm /root/khop.deb', MAKE);
  await machine.copyIn(CONFIGURATION, '/etc/khop/khop.conf');
  if (bed.hasWatchdog) await machine.run('modprobe i6300esb', MAKE);
  await machine.run(`${INSTALLED} khop switch 6.12 --fast --dry-run >/root/dry-run`, MAKE);
  await machine.run('sync', MAKE);
}
