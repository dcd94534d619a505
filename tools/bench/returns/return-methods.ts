/**
 * Who comes home from a kernel that fails. Each is one row of the table: how it is set up in the same full machine, and how it
 * leaves for the new kernel.
 * @module
 */
import type { FirmwareKind } from '../../../src/lab/ovmf.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import type { FaultClass } from './fault-classes.ts';
import { leaveByGrub, startGrubMachine } from './grub-peer.ts';
import { leaveByKhop, startKhopMachine } from './khop-trial.ts';
import { leaveBySystemdBoot, startSystemdBootMachine } from './systemd-boot-peer.ts';

/** What became of the command that leaves. */
export type Departure = { readonly state: 'left' } | { readonly state: 'refused'; readonly words: string };

/** One method. */
export interface ReturnMethod {
  readonly id: string;
  readonly title: string;
  readonly firmware: FirmwareKind;
  readonly isKhop: boolean;
  /** A machine of its own that runs the known-good kernel. */
  readonly start: (bed: ReturnBed) => Promise<VirtualMachine>;
  /** Begins the new kernel's first start. */
  readonly leave: (machine: VirtualMachine, fault: FaultClass) => Promise<Departure>;
}

/** The hardware. */
export interface ReturnBed {
  readonly firmware: FirmwareKind;
  readonly hasWatchdog: boolean;
}

const KHOP = { isKhop: true, start: startKhopMachine, leave: leaveByKhop };
const GRUB = { isKhop: false, start: startGrubMachine };

/** In the order of the table. */
export const RETURN_METHODS: readonly ReturnMethod[] = [
  { id: 'return-khop-seabios', title: 'khop trial (SeaBIOS machine)', firmware: 'seabios', ...KHOP },
  { id: 'return-khop-ovmf', title: 'khop trial (OVMF machine)', firmware: 'ovmf', ...KHOP },
  {
    ...{ id: 'return-systemd-boot', title: 'systemd-boot, boot counting (OVMF)', firmware: 'ovmf' },
    ...{ isKhop: false, start: startSystemdBootMachine, leave: leaveBySystemdBoot },
  },
  {
    ...{ id: 'return-grub-once', title: 'GRUB, grub-reboot (SeaBIOS)', firmware: 'seabios', ...GRUB },
    leave: (machine, { change }) => leaveByGrub(machine, change, 'once'),
  },
  {
    ...{ id: 'return-grub-fallback', title: 'GRUB, set fallback (SeaBIOS)', firmware: 'seabios', ...GRUB },
    leave: (machine, { change }) => leaveByGrub(machine, change, 'fallback'),
  },
];
