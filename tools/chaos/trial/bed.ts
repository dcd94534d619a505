/**
 * Full Debian machines with khop installed and everything prepared, each started from one of three checkpoints: only what
 * comes after the fault takes time.
 * @module
 */
import { createHash } from 'node:crypto';
import { startFromCheckpoint } from '../../../src/lab/checkpoint.ts';
import { describeFullMachine, waitForSystem } from '../../../src/lab/full-machine.ts';
import { prepareGuest, whenPrepared } from '../../../src/lab/guest-preparation.ts';
import type { MachineDescription } from '../../../src/lab/qemu.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { quickDeb } from '../../package/quick-deb.ts';
import { INSTALLED } from './fault.ts';
import { inTurns } from './in-turns.ts';

/** A machine to try a kernel on. */
export interface TrialBed {
  readonly firmware: 'seabios' | 'ovmf';
  readonly hasWatchdog: boolean;
}

/**
 * Where a case begins: nothing has happened; khop asks whether to leave, with everything planned; or in the kernel on
 * trial, in the phase of its services, until /run/go is there.
 */
export type BedState = 'known-good' | 'asked' | 'on-trial';

/** Everything a trial takes is made once, by an emulated processor. */
const MAKE = { timeoutMs: 900_000 };
const COPY_TIMEOUT_MS = 300_000;

/** A card with nobody behind it but QEMU, which gives addresses. Without an option ROM, as nothing starts from it. */
const CARD = [
  ...['-netdev', 'user,id=network,restrict=on,ipv6=off'],
  ...['-device', 'virtio-net-pci,netdev=network,id=card,romfile='],
];
const WATCHDOG = ['-device', 'i6300esb', '-action', 'watchdog=reset'];
/** QEMU names no router where there is none; a way out is to be there all the same, since checks compare it. */
const ROUTE = '[Route]\nGateway=10.0.2.2\n';
const HAS_ROUTE = 'until ip route show default | grep -q "via 10.0.2.2"; do sleep 1; done';

/** Keeps a trial in the phase of its services until somebody lets it go. */
const HOLD = ['#!/bin/sh', 'case $(uname -r) in 6.12*) test -e /run/go || exit 75;; esac', ''].join('\n');
const HOLD_PATH = '/etc/khop/checks/required.d/hold';
/** What somebody types who is asked, and what he sees. */
const ANSWERS = '/run/answers';
const ASKED = '/run/asked';
/** What the agent says goes to the console, so that there is something to wait for. */
const TALK = '--append systemd.journald.forward_to_console=1';

/** Shell words that leave for the kernel on trial, with what no machine of the lab has accepted. */
function switchWords(options = ''): string {
  return `${INSTALLED} khop switch 6.12 --fast --accept dead-hang ${options}`;
}

/** From where nothing has happened. */
const LEAD: Readonly<Record<Exclude<BedState, 'known-good'>, (machine: VirtualMachine) => Promise<void>>> = {
  asked: async (machine) => {
    await machine.run(`mkfifo ${ANSWERS}`, MAKE);
    await machine.start(
      `sleep infinity >${ANSWERS} & script --quiet --flush --command '${switchWords(TALK)}' ${ASKED} <${ANSWERS} >/dev/console`,
    );
    await machine.run(`until grep -q 'Leave this kernel for' ${ASKED}; do sleep 1; done`, MAKE);
  },
  'on-trial': async (machine) => {
    await machine.copyIn(HOLD, HOLD_PATH, 0o755);
    const { bootId } = await machine.waitForHello(1000);
    await machine.start(`${switchWords()} --yes`);
    await machine.waitForNewKernel(bootId, MAKE.timeoutMs);
    await machine.run('until grep -q scripts /run/khop/trial-status.json; do sleep 1; done', MAKE);
    await prepareGuest(machine, { hasKhop: false });
  },
};

/** Shell words that leave in a machine of that state. @param options more of them; where khop asks it is too late for any */
export function leaveWords(state: BedState, options = ''): string {
  return state === 'asked' ? `echo y >${ANSWERS}` : `${switchWords(options)} --yes`;
}

/** A machine of its own in that state. */
export async function startBed(bed: TrialBed, state: BedState, keepFolder = true): Promise<VirtualMachine> {
  const deb = await packageOnce();
  const description = await describeTrialBed(bed);
  const options = {
    prepared: `a trial: ${state}`,
    madeWith: { deb: createHash('sha256').update(deb).digest('hex') },
    isReady: async (fresh: VirtualMachine) => {
      if (state === 'known-good') await install(fresh, deb, bed);
      else await LEAD[state](fresh);
    },
    begin: state === 'known-good' ? undefined : () => startBed(bed, 'known-good', false),
    keepFolder,
  };
  const key = JSON.stringify([bed, state]);
  const machine = await inTurns(key, () => startFromCheckpoint(description, options));
  return await whenPrepared(machine, { hasKhop: false });
}

let made: Promise<Uint8Array> | undefined;

function packageOnce(): Promise<Uint8Array> {
  made ??= quickDeb();
  return made;
}

/** The machine as a value; switched on, it is one that khop was never on. */
export async function describeTrialBed(bed: TrialBed): Promise<MachineDescription> {
  return await describeFullMachine({
    firmware: bed.firmware,
    // The second one is for panics from which no kernel that has both comes home by kexec.
    cpus: 2,
    memoryMib: 2048,
    kernelsToHopTo: [],
    withoutKhop: true,
    // Debian 12's kernel for clouds has no driver of that watchdog.
    kernelPackage: bed.hasWatchdog ? 'linux-image-amd64' : undefined,
    extraArguments: [...CARD, ...(bed.hasWatchdog ? WATCHDOG : [])],
  });
}

/** Waits for a machine that was switched on, and gives it a way out. */
export async function setUpNetwork(machine: VirtualMachine): Promise<void> {
  await waitForSystem(machine);
  await prepareGuest(machine, { hasKhop: false });
  await machine.copyIn(ROUTE, '/etc/systemd/network/lab.network.d/route.conf');
  await machine.run(`systemctl restart systemd-networkd.service; ${HAS_ROUTE}`, MAKE);
}

async function install(machine: VirtualMachine, deb: Uint8Array, bed: TrialBed): Promise<void> {
  await setUpNetwork(machine);
  await machine.copyIn(deb, '/root/khop.deb', 0o644, COPY_TIMEOUT_MS);
  await machine.run('dpkg --install /root/khop.deb && rm /root/khop.deb', MAKE);
  if (bed.hasWatchdog) await machine.run('modprobe i6300esb', MAKE);
  await machine.run(`${INSTALLED} khop switch 6.12 --fast --dry-run >/root/dry-run`, MAKE);
  await machine.run('sync', MAKE);
}
