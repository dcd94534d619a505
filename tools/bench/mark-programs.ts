/**
 * The programs that say when: they read the time stamp counter and write it to the debug port, as `marks.ts`
 * reads it. What is measured is not changed by them: from the counter to the system call after it there are
 * some thirty instructions.
 *
 * Each is put together from the pieces below, and not compiled: the first instruction has to be the one that reads
 * the counter. `d` is the scratch memory: tag at +0, counter at +4, utsname at +0x10.
 * @module
 */
import { ELF_MACHINES } from '../../src/formats/elf.ts';
import {
  encodeExecutable,
  IMAGE_ADDRESS,
  ZEROED_ADDRESS,
} from '../../src/formats/static-program/executable.ts';

/** Four letters before each counter. */
export type MarkTag = 'JUMP' | 'INIT';

const REBOOT_COMMANDS = {
  LINUX_REBOOT_CMD_KEXEC: 0x45584543,
  LINUX_REBOOT_CMD_POWER_OFF: 0x4321fedc,
  LINUX_REBOOT_CMD_RESTART: 0x01234567,
} as const;

const SCRATCH = Number(ZEROED_ADDRESS);
const SCRATCH_SIZE = 0x1000;

/** `release` of struct utsname, the third of its fields of 65 bytes. */
const UTSNAME = SCRATCH + 0x10;
const RELEASE = UTSNAME + 2 * 65;

/** 32 bits, little-endian. */
function word(value: number): number[] {
  return [...new Uint8Array(new Uint32Array([value]).buffer)];
}

const READ_COUNTER = [
  ...[0x0f, 0x31], // ................................... rdtsc
  ...[0x89, 0x04, 0x25, ...word(SCRATCH + 4)], // ....... mov  [d+4], eax
  ...[0x89, 0x14, 0x25, ...word(SCRATCH + 8)], // ....... mov  [d+8], edx
];

/** Without it `out` is a general protection fault. */
const OPEN_PORT = [
  ...[0xb8, ...word(172)], // ........................... mov  eax, 172        iopl
  ...[0xbf, ...word(3)], // ............................. mov  edi, 3
  ...[0x0f, 0x05], // ................................... syscall
];

function send(address: number, length: number): number[] {
  return [
    ...[0xbe, ...word(address)], // ..................... mov  esi, address
    ...[0xb9, ...word(length)], // ...................... mov  ecx, length
    ...[0xba, ...word(0xe9)], // ........................ mov  edx, 0xe9
    ...[0xf3, 0x6e], // ................................. rep outsb
  ];
}

function sendMark(tag: MarkTag): number[] {
  return [
    ...[0xc7, 0x04, 0x25, ...word(SCRATCH), ...Buffer.from(tag, 'latin1')], // mov [d], tag
    ...send(SCRATCH, 12),
  ];
}

const SEND_RELEASE = [
  ...[0xb8, ...word(63)], // ............................ mov  eax, 63         uname
  ...[0xbf, ...word(UTSNAME)], // ....................... mov  edi, d+0x10
  ...[0x0f, 0x05], // ................................... syscall
  ...send(RELEASE, 65),
];

function reboot(command: keyof typeof REBOOT_COMMANDS): number[] {
  return [
    ...[0xb8, ...word(169)], // ......................... mov  eax, 169        reboot
    ...[0xbf, ...word(0xfee1dead)], // .................. mov  edi, LINUX_REBOOT_MAGIC1
    ...[0xbe, ...word(0x28121969)], // .................. mov  esi, LINUX_REBOOT_MAGIC2
    ...[0xba, ...word(REBOOT_COMMANDS[command])], // .... mov  edx, command
    ...[0x0f, 0x05], // ................................. syscall
  ];
}

function exit(status: number): number[] {
  return [
    ...[0xb8, ...word(60)], // .......................... mov  eax, 60         exit
    ...[0xbf, ...word(status)], // ...................... mov  edi, status
    ...[0x0f, 0x05], // ................................. syscall
  ];
}

/** An init that ends is a panic. */
const STAY = [0xeb, 0xfe]; // ........................... jmp  itself

/** An executable that begins with the first piece, with a stack and zeroed registers. */
function program(...pieces: readonly (readonly number[])[]): Uint8Array {
  return encodeExecutable({
    machine: ELF_MACHINES.x86_64,
    image: Uint8Array.from(pieces.flat()),
    entry: IMAGE_ADDRESS,
    zeroedSize: SCRATCH_SIZE,
  });
}

/** Writes JUMP and starts what is loaded; ends with status 1 when nothing is. */
export function jumpProgram(): Uint8Array {
  return program(OPEN_PORT, READ_COUNTER, sendMark('JUMP'), reboot('LINUX_REBOOT_CMD_KEXEC'), exit(1));
}

/** The new kernel's init: reads the counter first of all, writes INIT and the release, switches off. */
export function initProgram(): Uint8Array {
  return program(
    READ_COUNTER,
    OPEN_PORT,
    sendMark('INIT'),
    SEND_RELEASE,
    reboot('LINUX_REBOOT_CMD_POWER_OFF'),
    STAY,
  );
}

/** An init for the way through firmware: after INIT it writes JUMP and restarts the machine. */
export function restartingInitProgram(): Uint8Array {
  return program(
    READ_COUNTER,
    OPEN_PORT,
    sendMark('INIT'),
    SEND_RELEASE,
    READ_COUNTER,
    sendMark('JUMP'),
    reboot('LINUX_REBOOT_CMD_RESTART'),
    STAY,
  );
}
