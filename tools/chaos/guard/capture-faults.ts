/**
 * What befalls the panic kernel while it works.
 * @module
 */
import { join } from 'node:path';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { GdbClient } from '../../bench/gdb-client.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** jmp to itself. */
const ENDLESS_LOOP = 'ebfe';
/** Interrupt enable flag. */
const IF = 1n << 9n;
/** Kernel addresses are in the upper half. */
const UPPER_HALF = 1n << 63n;
/** A program that makes system calls is in the kernel again after a few thousand instructions. */
const MOST_STEPS = 20_000;

/** The panic kernel inherits unknown_nmi_panic. */
export async function panicByNmi(machine: VirtualMachine): Promise<void> {
  await machine.injectNmi();
}

/** The CPU goes in a circle and takes no interrupt, wherever it is. */
export async function hang(machine: VirtualMachine): Promise<void> {
  using gdb = await connect(machine);
  await gdb.writeBytes(await gdb.readRegister('rip'), ENDLESS_LOOP);
  await gdb.writeRegister('eflags', (await gdb.readRegister('eflags')) & ~IF);
  await gdb.detach();
}

/** The kernel goes in a circle in the middle of what it does for the program; interrupts are served. */
export async function hangInKernel(machine: VirtualMachine): Promise<void> {
  using gdb = await connect(machine);
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const rip = await gdb.readRegister('rip');
    if (rip >= UPPER_HALF && ((await gdb.readRegister('eflags')) & IF) !== 0n) {
      await gdb.writeBytes(rip, ENDLESS_LOOP);
      break;
    }
    await gdb.step();
  }
  await gdb.detach();
}

/** The disk answers nothing any more. */
export async function starveDisk(machine: VirtualMachine): Promise<void> {
  const rates = { bps: 1, bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 };
  await machine.qmp.execute('block_set_io_throttle', { id: 'disk2-device', ...rates });
}

async function connect(machine: VirtualMachine): Promise<GdbClient> {
  const path = join(machine.folder, 'gdb');
  await machine.qmp.executeHuman(`gdbserver unix:${path},server=on,wait=off`);
  return await GdbClient.connect(path, CONNECT_TIMEOUT_MS);
}
