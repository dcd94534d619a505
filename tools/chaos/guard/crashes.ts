/**
 * Ways to make the running kernel panic. All but one keep to CPU 0, which the firmware started the machine with: from
 * another one the way home leads through the firmware, and that is a case of its own.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { labKernel } from '../../../src/lab/kernel-store.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import type { GuardBed } from './bed.ts';
import { type CrashCode, crashModule } from './crash-module.ts';

type Crash = (machine: VirtualMachine, bed: GuardBed) => Promise<void>;

/** From the break until the kernel takes the next character for a command, and until it no longer does. */
const BREAK_MS = 300;

/** @param script must panic on the CPU that it runs on */
export function crashBy(script: string, cpu = 0): Crash {
  return (machine) => machine.start(`taskset ${1 << cpu} sh -c '${script}'`);
}

/** The module's init function does it. */
export function crashByModule(code: CrashCode): Crash {
  return async (machine, { kernel }) => {
    await machine.copyIn(await crashModule(await labKernel(kernel), code), '/tmp/crash.ko');
    await machine.start('taskset 1 insmod /tmp/crash.ko');
  };
}

/** Documentation/admin-guide/sysrq.rst: a break on the serial console and `c`, both taken in the UART's interrupt. */
export async function crashBySerialBreak({ qmp, console }: VirtualMachine): Promise<void> {
  await qmp.execute('chardev-send-break', { id: 'console' });
  await sleep(BREAK_MS);
  console.write('c');
}

/** As a button of a server's management board does. The kernel knows no reason for it, and was told to panic then. */
export async function crashByNmi(machine: VirtualMachine): Promise<void> {
  await machine.injectNmi();
}
