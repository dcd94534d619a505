/**
 * The command line of a lab machine's QEMU, as a value made from a description.
 * @module
 */
import { join } from 'node:path';
import type { Architecture } from '../formats/architecture.ts';
import { PLATFORMS } from './platform.ts';

/** A disk of the machine, seen by the guest as /sys/block/vdX with `serial`. */
export interface LabDisk {
  /** At most 20 characters. */
  readonly serial: string;
  readonly path: string;
  /** An overlay takes what the guest writes; the image itself is never changed. */
  readonly access: 'read-only' | 'overlay';
  /** Behind a port of its own, `portN`, and called `diskN-device`: `device_del` takes it out while the machine runs. */
  readonly isPluggable?: boolean | undefined;
}

/** What the machine starts from. */
export type LabBoot =
  | { readonly from: 'kernel'; readonly image: string; readonly initrd: string; readonly commandLine: string }
  | { readonly from: 'disk' };

/** The firmware; UEFI with its variables as they are when the machine is switched on, or none: QEMU starts the kernel. */
export type LabFirmware =
  | { readonly kind: 'none' }
  | { readonly kind: 'seabios' }
  | { readonly kind: 'ovmf'; readonly code: string; readonly variables: string };

/** Everything about a machine that the guest can see. */
export interface MachineDescription {
  readonly name: string;
  readonly architecture: Architecture;
  readonly accelerator: 'tcg' | 'kvm';
  readonly firmware: LabFirmware;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Five-level paging, CPU flag la57, of an x86-64 machine. */
  readonly hasFiveLevelPaging: boolean;
  /**
   * Count guest instructions: each is a nanosecond of every clock of the guest, and what the host does
   * meanwhile changes nothing, so a measured time repeats on any host. Emulated machines with one CPU only.
   */
  readonly instructionCount: boolean;
  /** An ISA debug port at 0xe9: bytes that the guest writes there come out in `machineFiles().debugPort`. */
  readonly hasDebugPort: boolean;
  /** A VGA adapter; without it the serial port is the only console. */
  readonly hasDisplay: boolean;
  readonly boot: LabBoot;
  readonly disks: readonly LabDisk[];
  /** Port of the host's loopback that leads to the guest's ssh; undefined: no network. */
  readonly sshPort: number | undefined;
  /** What a reset does: the machine starts again, or QEMU ends. */
  readonly onReset: 'restart' | 'exit';
  /** Further QEMU arguments, e.g. a watchdog device. */
  readonly extraArguments: readonly string[];
}

/** Files of a machine, in its folder. Sockets have to stay short: sun_path holds 108 bytes. */
export function machineFiles(folder: string) {
  return {
    qmp: join(folder, 'qmp'),
    agent: join(folder, 'agent'),
    console: join(folder, 'console'),
    /** What the console said, as QEMU wrote it down. */
    consoleLog: join(folder, 'console.log'),
    /** The same, each line with the host's time; only while a process of khop is connected. */
    consoleTimes: join(folder, 'console-times.log'),
    output: join(folder, 'output.log'),
    debugPort: join(folder, 'debug-port.bin'),
    /** The process that this folder belongs to. */
    owner: join(folder, 'owner.json'),
    qemuLog: join(folder, 'qemu.log'),
    /** Memory and devices, of a checkpoint. */
    state: join(folder, 'state.bin'),
    stateSocket: join(folder, 'state'),
    variables: join(folder, 'variables.fd'),
    overlay: (index: number) => join(folder, `disk${index}.qcow2`),
  };
}

/**
 * Several CPUs take turns on one thread: with a thread each, QEMU 7.2 now and then executes half of what a
 * kernel is patching into its own text (jump labels), and a guest that is in order dies of it.
 */
function accelerator(machine: MachineDescription): string[] {
  if (machine.architecture === 'arm64') return ['-accel', 'tcg,thread=single', '-cpu', 'cortex-a72'];
  const la57 = machine.hasFiveLevelPaging ? 'on' : 'off';
  return machine.accelerator === 'kvm'
    ? // Nested hosts promise arch-capabilities and then refuse to set them, which ends QEMU.
      ['-accel', 'kvm', '-cpu', `host,arch-capabilities=off${machine.hasFiveLevelPaging ? '' : ',la57=off'}`]
    : machine.instructionCount
      ? instructionCounter(la57)
      : ['-accel', `tcg,thread=${machine.cpus === 1 ? 'multi' : 'single'}`, '-cpu', `max,la57=${la57}`];
}

/**
 * An idle guest does not wait for the host's clock (sleep=off), and its wall clock stands still with it
 * (clock=vm). Where strings are fast (erms, fsrm) a kernel copies by `rep movsb`, which the emulator counts
 * as one instruction a byte; without them it counts one for eight, as the time on hardware is nearer to.
 */
function instructionCounter(la57: string): string[] {
  return [
    ...['-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off'],
    ...['-rtc', 'base=2026-01-01T00:00:00,clock=vm', '-cpu', `max,la57=${la57},erms=off,fsrm=off`],
  ];
}

function firmware(machine: MachineDescription, folder: string): string[] {
  if (machine.firmware.kind !== 'ovmf') return [];
  const files = machineFiles(folder);
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${escapeValue(machine.firmware.code)}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${escapeValue(files.variables)}`],
  ];
}

/** A comma ends a value of QEMU's options unless it is doubled. */
function escapeValue(value: string): string {
  return value.replaceAll(',', ',,');
}

function disk(entry: LabDisk, index: number, folder: string): string[] {
  const isOverlay = entry.access === 'overlay';
  const options = [
    `id=disk${index}`,
    'if=none',
    `format=${isOverlay || entry.path.endsWith('.qcow2') ? 'qcow2' : 'raw'}`,
    `readonly=${isOverlay ? 'off' : 'on'}`,
    'discard=unmap',
    // The host's page cache outlives QEMU; a lab machine does not have to survive the host.
    'cache=unsafe',
    // QEMU's image locks would keep two machines from reading one tool disk.
    ...(isOverlay ? [] : ['file.locking=off']),
    `file.filename=${escapeValue(isOverlay ? machineFiles(folder).overlay(index) : entry.path)}`,
  ];
  return [
    ...['-drive', options.join(',')],
    ...(entry.isPluggable ? ['-device', `pcie-root-port,id=port${index},chassis=${index}`] : []),
    ...['-device', `virtio-blk-pci,drive=disk${index},serial=${entry.serial}${plug(entry, index)}`],
  ];
}

function plug(entry: LabDisk, index: number): string {
  return entry.isPluggable ? `,bus=port${index},id=disk${index}-device` : '';
}

function boot(machine: MachineDescription): string[] {
  if (machine.boot.from === 'disk') return [];
  const { image, initrd, commandLine } = machine.boot;
  return ['-kernel', image, '-initrd', initrd, '-append', commandLine];
}

function channels(folder: string): string[] {
  const files = machineFiles(folder);
  const socket = (id: string, path: string, more = ''): string[] => [
    '-chardev',
    `socket,id=${id},path=${escapeValue(path)},server=on,wait=off${more}`,
  ];
  return [
    ...socket('qmp', files.qmp),
    ...['-mon', 'chardev=qmp,mode=control'],
    ...socket('console', files.console, `,logfile=${escapeValue(files.consoleLog)}`),
    ...['-serial', 'chardev:console'],
    ...socket('agent', files.agent),
    // A file is always connected: a guest that jumps never waits for a reader.
    ...['-chardev', `file,id=output,path=${escapeValue(files.output)}`],
    ...['-device', 'virtio-serial-pci'],
    ...['-device', 'virtserialport,chardev=agent,name=khop.agent,id=khop.agent'],
    ...['-device', 'virtserialport,chardev=output,name=khop.output,id=khop.output'],
  ];
}

/** Not at 0x402, where firmware writes its own messages. */
function debugPort(machine: MachineDescription, folder: string): string[] {
  if (!machine.hasDebugPort) return [];
  return [
    ...['-chardev', `file,id=debug,path=${escapeValue(machineFiles(folder).debugPort)}`],
    ...['-device', 'isa-debugcon,iobase=0xe9,chardev=debug'],
  ];
}

function network(machine: MachineDescription): string[] {
  if (machine.sshPort === undefined) return ['-nic', 'none'];
  return ['-nic', `user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:${machine.sshPort}-:22`];
}

/**
 * The arguments after QEMU's name. The machine is stopped until `cont`, so that nothing it says is
 * lost before the console is connected.
 * @param folder holds the sockets and logs of this machine
 * @param incoming where to take a saved state from, e.g. `fd:3`; undefined: the machine is switched on
 */
export function qemuArguments(
  machine: MachineDescription,
  folder: string,
  incoming: string | undefined,
): string[] {
  return [
    ...[
      '-name',
      escapeValue(machine.name),
      '-machine',
      PLATFORMS[machine.architecture].machine,
      '-nodefaults',
      '-no-user-config',
      '-S',
    ],
    ...accelerator(machine),
    ...['-smp', String(machine.cpus), '-m', `${machine.memoryMib}M`],
    ...['-display', 'none', '-vga', machine.hasDisplay ? 'std' : 'none'],
    ...firmware(machine, folder),
    ...channels(folder),
    ...debugPort(machine, folder),
    ...['-device', 'virtio-rng-pci'],
    ...machine.disks.flatMap((entry, index) => disk(entry, index, folder)),
    ...boot(machine),
    ...network(machine),
    ...(machine.onReset === 'exit' ? ['-no-reboot'] : []),
    ...machine.extraArguments,
    ...(incoming === undefined ? [] : ['-incoming', incoming]),
  ];
}
