/**
 * What befalls the panic kernel while it works.
 * @module
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../../src/error.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { GdbClient } from '../../bench/gdb-client.ts';
import { TARGET_INDEX } from './bed.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** jmp to itself. */
const ENDLESS_LOOP = 'ebfe';
/** mmap(NULL, 1 MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0), for ever. */
const TAKE_MEMORY = 'b80900000031ffbe00001000ba0300000041ba228000004983c8ff4531c90f05ebde';
/** Interrupt enable flag. */
const IF = 1n << 9n;
/** Kernel addresses are in the upper half. */
const UPPER_HALF = 1n << 63n;
/** Where executable.ts has the ELF headers of a static program, which the kernel maps with its code. */
const PROGRAM_HEADERS = 0x40_0000n;
/** It has begun by then, and has nothing to do for half a second; the first one reads the log. */
const SECOND_PROCESS_WAITS_MS = 50;
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
  await stepUntil(gdb, isInKernel);
  await gdb.writeBytes(await gdb.readRegister('rip'), ENDLESS_LOOP);
  await gdb.detach();
}

/** The program goes in a circle; the kernel and the program's second process go on. */
export async function hangProgram(machine: VirtualMachine): Promise<void> {
  await divertProgram(machine, ENDLESS_LOOP);
}

/** The program takes one MiB after the other. */
export async function exhaustMemory(machine: VirtualMachine): Promise<void> {
  await divertProgram(machine, TAKE_MEMORY);
}

/** Both processes share the pages of their code: other instructions are put where neither of them comes to by itself. */
async function divertProgram(machine: VirtualMachine, code: string): Promise<void> {
  await sleep(SECOND_PROCESS_WAITS_MS);
  using gdb = await connect(machine);
  await stepUntil(gdb, isInProgram);
  await gdb.writeBytes(PROGRAM_HEADERS, code);
  await gdb.writeRegister('rip', PROGRAM_HEADERS);
  await gdb.detach();
}

async function isInKernel(gdb: GdbClient): Promise<boolean> {
  const isThere = (await gdb.readRegister('rip')) >= UPPER_HALF;
  return isThere && ((await gdb.readRegister('eflags')) & IF) !== 0n;
}

async function isInProgram(gdb: GdbClient): Promise<boolean> {
  return (await gdb.readRegister('rip')) < UPPER_HALF;
}

/** @throws E_LAB when it does not come there */
async function stepUntil(gdb: GdbClient, isThere: (gdb: GdbClient) => Promise<boolean>): Promise<void> {
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    if (await isThere(gdb)) return;
    await gdb.step();
  }
  throw new KhopError('E_LAB', `the panic kernel did not come to the place in ${MOST_STEPS} steps`, {
    hint: 'Its program waits for something; make the fault at another line.',
  });
}

/**
 * The disk answers nothing any more, until the panic kernel has left: the known-good one would wait for it for ever, and
 * so does firmware that looks for what to start.
 */
export async function starveDisk(machine: VirtualMachine): Promise<void> {
  await limitDisk(machine, 1);
  machine.qmp.onEvent(({ event }) => {
    if (event === 'RESET') limitDisk(machine, 0).catch(() => {});
  });
  machine.console.onLine((line) => {
    if (/Starting new kernel|sysrq: Resetting|Linux version/.test(line))
      limitDisk(machine, 0).catch(() => {});
  });
}

/** @param bytesPerSecond 0: no limit */
async function limitDisk({ qmp }: VirtualMachine, bytesPerSecond: number): Promise<void> {
  const rest = { bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 };
  await qmp.execute('block_set_io_throttle', {
    id: `/machine/peripheral/disk${TARGET_INDEX}-device/virtio-backend`,
    bps: bytesPerSecond,
    ...rest,
  });
}

async function connect(machine: VirtualMachine): Promise<GdbClient> {
  const path = join(machine.folder, 'gdb');
  await machine.qmp.executeHuman(`gdbserver unix:${path},server=on,wait=off`);
  return await GdbClient.connect(path, CONNECT_TIMEOUT_MS);
}
