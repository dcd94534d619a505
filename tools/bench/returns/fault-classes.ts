/**
 * Ways in which a new kernel fails, the same for every method that is to come home from it. The new kernel and the known-good
 * one are of the same disk, so a fault is a unit of systemd that only the new kernel starts, or a file that only it
 * is started from.
 * @module
 */
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { insertWords, readCrashModule } from '../../chaos/trial/crash-in-guest.ts';
import { COMMAND } from '../../chaos/trial/fault.ts';
import { enableUnit, FAULT_LINE, SAY_FAULT } from './console-marks.ts';

/** One class. */
export interface FaultClass {
  readonly id: string;
  readonly title: string;
  /** The moment of the fault: a line of the console, or the reset behind which the boot loader finds it. */
  readonly moment: RegExp | 'reset';
  /** In the known-good kernel, before it is left. */
  readonly prepare: (machine: VirtualMachine) => Promise<void>;
  /** What the new kernel is started with besides. */
  readonly change: KernelChange;
  /** What khop has to be told so that it makes a trial of what it would refuse. */
  readonly khopOptions: string;
  readonly hasWatchdog: boolean;
  /**
   * Seconds of the host since the fault, or since a later sign that the machine is on its way: who is not home by then does not cover
   * the class.
   */
  readonly patienceSeconds: number;
}

/** How the new kernel's start differs from that of its boot entry. */
export interface KernelChange {
  /** Of the command line, behind the others. */
  readonly parameters: string;
  /** An initramfs instead of its own, and an archive behind it; undefined: none. Paths of the guest. */
  readonly initrd?: string | undefined;
  readonly overlay?: string | undefined;
}

const PATIENCE_SECONDS = 240;
/** Not the line at the end of its trace, which has the same words. */
const PANIC = /(?<!end )Kernel panic - not syncing/;
const NONE: KernelChange = { parameters: '' };
const PREPARE = { timeoutMs: 300_000 };

const IMAGE = '/boot/vmlinuz-6.12*';
const CUT_INITRD = '/root/initrd-cut';
const OVERLAY = '/root/own-init.cpio';
const NO_SUCH_ROOT = 'root=UUID=00000000-0000-4000-8000-000000000000';

/** Where in the start of the system a unit does its harm. */
const PLACES = {
  early: ['DefaultDependencies=no', 'After=local-fs.target', 'Before=sysinit.target'],
  'file systems': ['DefaultDependencies=no', 'Before=local-fs.target'],
  network: ['DefaultDependencies=no', 'After=systemd-udevd.service', 'Before=systemd-networkd.service'],
  services: ['After=basic.target', 'Before=multi-user.target'],
  afterwards: ['After=multi-user.target'],
} as const;

const WANTED_BY = {
  early: 'WantedBy=sysinit.target',
  'file systems': 'RequiredBy=local-fs.target',
  network: 'WantedBy=sysinit.target',
  services: 'WantedBy=multi-user.target',
  afterwards: 'WantedBy=multi-user.target',
} as const;

/** On the processor that the firmware starts with: from another one, a panic leads home through the firmware. */
const FIRST_CPU = 'CPUAffinity=0';
const CRASH = 'echo c >/proc/sysrq-trigger';

/** In the order of the table: from what is found first to what is found last. */
export const FAULT_CLASSES: readonly FaultClass[] = [
  {
    ...sketch('load', 'the kernel’s file is damaged', 'reset'),
    prepare: run(`for image in ${IMAGE}; do truncate -s 3000000 $image; done`),
  },
  {
    ...sketch('panic-before-init', 'panic before the first program', PANIC),
    prepare: run(
      `initrd=$(ls /boot/initrd.img-6.12*); head -c $(($(stat -c %s $initrd) - 1000000)) $initrd >${CUT_INITRD}`,
    ),
    change: { parameters: '', initrd: CUT_INITRD },
    khopOptions:
      '--without initramfs --without direct-entry --accept initrd-readable --accept initrd-has-init --accept initrd-modules',
  },
  ownInit('dead-init', 'init of the initramfs dies', 'exit 1'),
  ownInit('panic-in-initramfs', 'panic in the initramfs', `mount -t proc proc /proc; ${CRASH}`),
  {
    ...sketch('no-root', 'the root file system never appears', /ALERT! .*does not exist/),
    change: { parameters: NO_SUCH_ROOT },
    khopOptions: '--accept root-device',
  },
  { ...sketch('panic-at-boot', 'panic while services start', PANIC), prepare: unit('early', CRASH) },
  {
    ...sketch('emergency', 'emergency shell of the system', FAULT_LINE),
    prepare: unit('file systems', `${SAY_FAULT}; exit 1`),
  },
  {
    ...sketch('panic-after-boot', 'panic 5 s after the start of the system', PANIC),
    prepare: unit('afterwards', `sleep 5; ${CRASH}`),
  },
  { ...sketch('hang', 'hang with interrupts off, no watchdog', FAULT_LINE), prepare: deadHang },
  {
    ...sketch('hang-watchdog', 'hang with interrupts off, watchdog', FAULT_LINE),
    prepare: deadHang,
    hasWatchdog: true,
  },
  {
    ...sketch('service-down', 'a service fails', FAULT_LINE),
    prepare: unit('services', `${SAY_FAULT}; exit 1`),
  },
  {
    ...sketch('no-network', 'no driver for the network', FAULT_LINE),
    prepare: unit('network', `udevadm settle; ${SAY_FAULT}; modprobe -r virtio_net`),
    khopOptions: '--deadline 300',
    patienceSeconds: 480,
  },
];

function sketch(id: string, title: string, moment: FaultClass['moment']): FaultClass {
  return {
    ...{ id, title, moment, prepare: async () => {}, change: NONE, khopOptions: '' },
    ...{ hasWatchdog: false, patienceSeconds: PATIENCE_SECONDS },
  };
}

function run(script: string): FaultClass['prepare'] {
  return async (machine) => {
    await machine.run(`${script}; sync`, PREPARE);
  };
}

/** An archive behind the initrd that replaces its init. */
function ownInit(id: string, title: string, script: string): FaultClass {
  return {
    ...sketch(id, title, PANIC),
    prepare: async (machine) => {
      await machine.copyIn(`#!/bin/sh\n${script}\n`, '/root/tree/init', 0o755);
      await machine.run(`cd /root/tree && echo init | cpio -o -H newc >${OVERLAY} && sync`, COMMAND);
    },
    change: { parameters: '', overlay: OVERLAY },
    khopOptions: '--without initramfs',
  };
}

/** A service that only the new kernel starts. */
function unit(place: keyof typeof PLACES, script: string): FaultClass['prepare'] {
  return async (machine) => {
    await machine.copyIn(`${script}\n`, '/root/fault.sh');
    await enableUnit(machine, 'khop-bench-fault', [
      ...['[Unit]', 'ConditionKernelVersion=6.12*', ...PLACES[place]],
      ...['[Service]', 'Type=oneshot', FIRST_CPU, 'ExecStart=/bin/sh /root/fault.sh'],
      ...['[Install]', WANTED_BY[place]],
    ]);
  };
}

/** A module whose init function never comes back: nothing but hardware sees it. */
async function deadHang(machine: VirtualMachine): Promise<void> {
  await machine.copyIn(await readCrashModule(machine, '6.12*', 'dead-hang'), '/root/crash.ko');
  await unit('services', `${SAY_FAULT}; ${insertWords('/root/crash.ko', 'dead-hang')}`)(machine);
}
