/**
 * The command line of a lab machine's QEMU, as a value made from a description.
 * @module
 */
import { join } from 'node:path';

/** A disk of the machine, seen by the guest as /sys/block/vdX with `serial`. */
export interface LabDisk {
  readonly serial: string;
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly isReadOnly: boolean;
}

/** What the machine starts from. */
export type LabBoot =
  | { readonly from: 'kernel'; readonly image: string; readonly initrd: string; readonly commandLine: string }
  | { readonly from: 'disk' };

/** The firmware; UEFI with the file that holds this machine's variables. */
export type LabFirmware =
  | { readonly kind: 'seabios' }
  | { readonly kind: 'ovmf'; readonly code: string; readonly variables: string };

/** Everything about a machine that the guest can see. */
export interface MachineDescription {
  readonly name: string;
  readonly accelerator: 'tcg' | 'kvm';
  readonly firmware: LabFirmware;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Five-level paging, CPU flag la57. */
  readonly hasFiveLevelPaging: boolean;
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

/** Files in a machine's folder. Sockets have to stay short: sun_path holds 108 bytes. */
export function machineSockets(folder: string): Record<'qmp' | 'agent' | 'console', string> {
  return {
    qmp: join(folder, 'qmp'),
    agent: join(folder, 'agent'),
    console: join(folder, 'console'),
  };
}

function accelerator(machine: MachineDescription): string[] {
  const la57 = machine.hasFiveLevelPaging ? 'on' : 'off';
  return machine.accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', `max,la57=${la57}`];
}

function firmware(machine: MachineDescription): string[] {
  if (machine.firmware.kind === 'seabios') return [];
  const { code, variables } = machine.firmware;
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${escapeValue(code)}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${escapeValue(variables)}`],
  ];
}

/** A comma ends a value of QEMU's options unless it is doubled. */
function escapeValue(value: string): string {
  return value.replaceAll(',', ',,');
}

function disk(entry: LabDisk, index: number): string[] {
  const options = [
    `id=disk${index}`,
    'if=none',
    `format=${entry.format}`,
    `readonly=${entry.isReadOnly ? 'on' : 'off'}`,
    'discard=unmap',
    // A lab machine that loses its last second of writes with the host is no loss; fsync on every commit is.
    'cache=unsafe',
    // QEMU's image locks would keep two machines from reading one tool disk.
    ...(entry.isReadOnly ? ['file.locking=off'] : []),
    `file.filename=${escapeValue(entry.path)}`,
  ];
  return [
    ...['-drive', options.join(',')],
    ...['-device', `virtio-blk-pci,drive=disk${index},serial=${entry.serial}`],
  ];
}

function boot(machine: MachineDescription): string[] {
  if (machine.boot.from === 'disk') return [];
  const { image, initrd, commandLine } = machine.boot;
  return ['-kernel', image, '-initrd', initrd, '-append', commandLine];
}

function channels(folder: string): string[] {
  const sockets = machineSockets(folder);
  const socket = (id: string, path: string, more = ''): string[] => [
    '-chardev',
    `socket,id=${id},path=${escapeValue(path)},server=on,wait=off${more}`,
  ];
  return [
    ...socket('qmp', sockets.qmp),
    ...['-mon', 'chardev=qmp,mode=control'],
    ...socket('console', sockets.console, `,logfile=${escapeValue(join(folder, 'console.log'))}`),
    ...['-serial', 'chardev:console'],
    ...socket('agent', sockets.agent),
    // A file is always connected: a guest that jumps never waits for a reader.
    ...['-chardev', `file,id=output,path=${escapeValue(join(folder, 'output.log'))}`],
    ...['-device', 'virtio-serial-pci'],
    ...['-device', 'virtserialport,chardev=agent,name=khop.agent,id=khop.agent'],
    ...['-device', 'virtserialport,chardev=output,name=khop.output,id=khop.output'],
  ];
}

function network(machine: MachineDescription): string[] {
  if (machine.sshPort === undefined) return ['-nic', 'none'];
  return ['-nic', `user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:${machine.sshPort}-:22`];
}

/**
 * The arguments after `qemu-system-x86_64`. The machine is stopped until `cont`, so that nothing it says is
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
    ...['-name', escapeValue(machine.name), '-machine', 'q35', '-nodefaults', '-no-user-config', '-S'],
    ...accelerator(machine),
    ...['-smp', String(machine.cpus), '-m', `${machine.memoryMib}M`],
    ...['-display', 'none', '-vga', machine.hasDisplay ? 'std' : 'none'],
    ...firmware(machine),
    ...channels(folder),
    ...['-device', 'virtio-rng-pci'],
    ...machine.disks.flatMap(disk),
    ...boot(machine),
    ...network(machine),
    ...(machine.onReset === 'exit' ? ['-no-reboot'] : []),
    ...machine.extraArguments,
    ...(incoming === undefined ? [] : ['-incoming', incoming]),
  ];
}
