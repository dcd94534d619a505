/**
 * The way through firmware, in guest instructions: from the call reboot(LINUX_REBOOT_CMD_RESTART) through
 * reset, firmware and boot loader to the first instruction of the same kernel's init. The time stamp counter of the
 * emulated CPU goes on counting over a reset.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../src/error.ts';
import type { LabKernel } from '../../src/lab/kernel-store.ts';
import { type FirmwareKind, labFirmware } from '../../src/lab/ovmf.ts';
import type { LabDisk, MachineDescription } from '../../src/lab/qemu.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { readMarks } from './counted-machine.ts';
import { firmwareDisk } from './firmware-disk.ts';
import { blackoutOf, type Mark } from './marks.ts';
import { systemdBootDisk } from './systemd-boot-disk.ts';

const BOOT_TIMEOUT_MS = 900_000;
const POLL_MS = 250;

/** One row: a kind of firmware and the boot loader that it starts. */
export interface FirmwareWay {
  readonly id: string;
  readonly title: string;
  readonly firmware: FirmwareKind;
  readonly disk: (kernel: LabKernel) => Promise<LabDisk>;
}

/** In the order of the report. */
export const FIRMWARE_WAYS: readonly FirmwareWay[] = [
  {
    id: 'firmware-seabios',
    title: 'reboot, SeaBIOS and GRUB',
    firmware: 'seabios',
    disk: firmwareDisk,
  },
  { id: 'firmware-ovmf', title: 'reboot, OVMF and GRUB', firmware: 'ovmf', disk: firmwareDisk },
  {
    id: 'firmware-ovmf-systemd-boot',
    title: 'reboot, OVMF and systemd-boot',
    firmware: 'ovmf',
    disk: systemdBootDisk,
  },
];

/** Instructions of `repetitions` restarts, one after the other. */
export async function measureFirmware(
  kernel: LabKernel,
  { firmware, disk }: FirmwareWay,
  repetitions: number,
): Promise<number[]> {
  const description: MachineDescription = {
    name: `firmware-${kernel.line}`,
    architecture: 'x86-64',
    accelerator: 'tcg',
    firmware: await labFirmware(firmware),
    cpus: 1,
    memoryMib: 2048,
    hasFiveLevelPaging: false,
    instructionCount: true,
    hasDebugPort: true,
    hasDisplay: false,
    boot: { from: 'disk' },
    disks: [await disk(kernel)],
    sshPort: undefined,
    onReset: 'restart',
    extraArguments: [],
  };
  await using machine = await VirtualMachine.start(description);
  // The first start is from power-on, and says nothing about a restart.
  const marks = await waitForInits(machine, 1 + repetitions);
  const jumps = marks.flatMap(({ tag }, index) => (tag === 'JUMP' ? [index] : []));
  return jumps.slice(0, repetitions).map((index) => blackoutOf(marks.slice(index, index + 2)));
}

async function waitForInits(machine: VirtualMachine, count: number): Promise<Mark[]> {
  const deadline = performance.now() + BOOT_TIMEOUT_MS * count;
  for (;;) {
    const marks = await readMarks(machine);
    if (marks.filter(({ tag }) => tag === 'INIT').length >= count) return marks;
    if (machine.hasEnded || performance.now() > deadline)
      throw new KhopError('E_TIMEOUT', `the machine came up ${marks.length / 2} times, not ${count}`, {
        hint: `The last line of its console: ${machine.console.tail.at(-1) ?? 'none'}`,
      });
    await sleep(POLL_MS);
  }
}
