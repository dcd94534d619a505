/**
 * The orderly way down without a service manager, and the short one of `--now`: processes, swap, mounts. What
 * counts in the end is not what was asked for but what the kernel's mount tables say.
 *
 * Arrays of MD and device mapper need no care here: the kernel marks them clean in its reboot notifiers, which
 * reboot(LINUX_REBOOT_CMD_KEXEC) runs too (kernel_restart_prepare in kernel/reboot.c).
 * @module
 */
import { KhopError } from '../error.ts';
import type { MountInfo } from './mounts.ts';
import type { Process } from './processes.ts';
import { type ShutdownMachine, thisMachine } from './shutdown-calls.ts';

/** How to go down. */
export interface QuiesceOptions {
  /** A line about progress. */
  readonly remark: (line: string) => void;
  readonly machine?: ShutdownMachine;
}

const POLL_MS = 50;
const KILL_WAIT_MS = 5_000;

/**
 * Ends processes, swap and mounts, and makes what is left read-only.
 * @param options.stopTimeoutMs from SIGTERM to SIGKILL
 * @throws E_REFUSED as `makeReadOnly`
 */
export async function shutDown(options: QuiesceOptions & { readonly stopTimeoutMs: number }): Promise<void> {
  const machine = options.machine ?? thisMachine();
  await stopProcesses(machine, options);
  // Swap is of no use to the next kernel; a swap file would keep its file system busy.
  for (const path of machine.swaps()) report(options, `swapoff ${path}`, await machine.swapOff(path));
  await unmountAll(machine, options);
  await makeReadOnly({ ...options, machine });
}

async function stopProcesses(
  machine: ShutdownMachine,
  options: QuiesceOptions & { readonly stopTimeoutMs: number },
): Promise<void> {
  const all = machine.processes();
  options.remark(
    `Stopping ${all.length} processes: TERM, then KILL after ${options.stopTimeoutMs / 1000} s.`,
  );
  for (const { pid, hasTerminal } of all) {
    machine.signal(pid, 'SIGTERM');
    // Interactive shells ignore SIGTERM. To a daemon SIGHUP would mean to go on, or an end out of order.
    if (hasTerminal) machine.signal(pid, 'SIGHUP');
    // A stopped process sees no signal before it continues.
    machine.signal(pid, 'SIGCONT');
  }
  let left = await waitForEnd(machine, options.stopTimeoutMs, () => undefined);
  if (left.length === 0) return;
  options.remark(`Killing ${nameList(left)}.`);
  // A supervisor may start others while it dies: each round kills who is there.
  left = await waitForEnd(machine, KILL_WAIT_MS, (pid) => machine.signal(pid, 'SIGKILL'));
  if (left.length > 0) options.remark(`Still there, probably waiting for a device: ${nameList(left)}.`);
}

async function waitForEnd(
  machine: ShutdownMachine,
  timeoutMs: number,
  each: (pid: number) => void,
): Promise<readonly Process[]> {
  const deadline = machine.now() + timeoutMs;
  for (;;) {
    const left = machine.processes();
    if (left.length === 0 || machine.now() >= deadline) return left;
    for (const { pid } of left) each(pid);
    await machine.sleep(POLL_MS);
  }
}

function nameList(processes: readonly Process[]): string {
  const shown = processes.slice(0, 8).map(({ name, pid }) => `${name} (${pid})`);
  return (
    shown.join(', ') + (processes.length > shown.length ? ` and ${processes.length - shown.length} more` : '')
  );
}

/** Disk file systems whose types /proc/filesystems lists as `nodev`: they find their devices themselves. */
const OWN_DEVICES = new Set(['zfs', 'ubifs', 'jffs2', 'bcachefs']);

/** Servers keep locks and leases for those that just vanish. */
const REMOTE = /^(nfs4?|cifs|smb3|9p|ceph|afs|glusterfs|virtiofs|fuse(\..*)?)$/;

/** Later mounts first. What is busy is left to the remount. */
async function unmountAll(machine: ShutdownMachine, options: QuiesceOptions): Promise<void> {
  const deviceless = machine.deviceless();
  const wanted = machine
    .mounts()
    .filter((mount) => mount.isOurs && mount.mountPoint !== '/')
    .filter(
      (mount) =>
        isOnDisk(mount, deviceless) || REMOTE.test(mount.fileSystem) || mount.fileSystem === 'overlay',
    );
  for (const mount of wanted.toReversed()) {
    const problem = await machine.unmount(mount.mountPoint);
    if (problem !== 'EBUSY') report(options, `umount ${mount.mountPoint}`, problem);
  }
}

function isOnDisk(mount: MountInfo, deviceless: ReadonlySet<string>): boolean {
  return !deviceless.has(mount.fileSystem) || OWN_DEVICES.has(mount.fileSystem);
}

/**
 * File systems on disks that can still be written, one mount each, oldest first. The file system's own option
 * decides: a mount that is read-only may be a view of a file system that is not. Where there is a choice, the
 * mount is one of our namespace, which a remount can reach.
 */
export function writableFileSystems(
  mounts: readonly MountInfo[],
  deviceless: ReadonlySet<string>,
): MountInfo[] {
  const found = new Map<string, MountInfo>();
  for (const mount of mounts) {
    if (!isOnDisk(mount, deviceless) || mount.superOptions.includes('ro')) continue;
    const known = found.get(mount.device);
    if (known === undefined || (!known.isOurs && mount.isOurs)) found.set(mount.device, mount);
  }
  return [...found.values()];
}

/**
 * Syncs, makes every file system on a disk read-only, also those that only containers have mounted, and
 * verifies it.
 * @throws E_REFUSED naming those that stay writable
 */
export async function makeReadOnly(options: QuiesceOptions): Promise<void> {
  const machine = options.machine ?? thisMachine();
  const deviceless = machine.deviceless();
  const writable = () => writableFileSystems(machine.mounts(), deviceless);
  report(options, 'sync', await machine.sync());
  for (const mount of writable().toReversed()) {
    if (!mount.isOurs) continue;
    const problem = await machine.remountReadOnly(mount.mountPoint);
    if (problem !== 'EBUSY') report(options, `remount ${mount.mountPoint} read-only`, problem);
  }
  const busy = writable();
  if (busy.length > 0)
    options.remark(
      `In use: ${busy.map(({ mountPoint }) => mountPoint).join(', ')}; asking the kernel (SysRq u).`,
    );
  // Also when none is left: file systems that were detached while busy (umount -l) are in no mount table.
  report(options, 'SysRq u', await machine.emergencyRemount());
  const left = writable();
  if (left.length === 0) return;
  const names = left.map(
    ({ mountPoint, fileSystem, source }) => `${mountPoint} (${fileSystem} on ${source})`,
  );
  throw new KhopError('E_REFUSED', `still writable: ${names.join(', ')}; no jump was made`, {
    hint: 'Stop what writes there (fuser -vm), unmount it, and run the command again.',
  });
}

function report(options: QuiesceOptions, what: string, problem: string | undefined): void {
  if (problem !== undefined) options.remark(`${what}: ${problem}`);
}
