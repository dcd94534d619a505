/**
 * The orderly way down without a service manager, and the short one of `--now`: processes, swap, mounts. What
 * counts in the end is not what was asked for but what /proc/self/mountinfo says.
 * @module
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../error.ts';
import type { Mount } from './facts.ts';
import { readMounts } from './mounts.ts';
import { syncDisks } from './reboot.ts';
import { textArgument, trySyscall, trySyscallWithin } from './syscall.ts';

const MS_RDONLY = 1;
const MS_REMOUNT = 32;
const UNMOUNT_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const KILL_WAIT_MS = 2_000;

/** Ends every process but this one, its parents and the kernel's threads. */
export async function stopProcesses(stopTimeoutMs: number): Promise<void> {
  const spared = ownAncestors();
  for (const [signal, waitMs] of [
    ['SIGTERM', stopTimeoutMs],
    ['SIGKILL', KILL_WAIT_MS],
  ] as const) {
    const deadline = performance.now() + waitMs;
    for (const pid of userProcesses(spared)) send(pid, signal);
    while (userProcesses(spared).length > 0 && performance.now() < deadline) await sleep(POLL_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    kill(pid, signal);
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function ownAncestors(): ReadonlySet<number> {
  const spared = new Set([1]);
  for (let pid = process.pid; pid > 1 && !spared.has(pid); pid = parentOf(pid)) spared.add(pid);
  return spared;
}

/** Field 4 of /proc/PID/stat, behind the name in parentheses, which may hold anything. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function parentOf(pid: number): number {
  return Number(statFields(pid)[1]);
}

/** Processes with a memory of their own that have not ended: kernel threads have an empty cmdline and no parent but 2. */
function userProcesses(spared: ReadonlySet<number>): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      if (spared.has(pid) || pid === 2) return false;
      try {
        const [state, parent] = statFields(pid);
        return parent !== '2' && state !== 'Z' && state !== 'X';
      } catch {
        return false;
      }
    });
}

/** File systems on block devices that are still writable. */
export function writableMounts(mounts: readonly Mount[]): Mount[] {
  return mounts.filter(
    (mount) =>
      mount.source.startsWith('/dev/') && mount.fileSystem !== 'devtmpfs' && !mount.options.includes('ro'),
  );
}

function currentMounts(): readonly Mount[] {
  const reading = readMounts('/');
  if (reading.state === 'read') return reading.value;
  throw new KhopError(
    'E_UNREADABLE',
    `${reading.source} cannot be read, so nothing is known of file systems`,
    {
      hint: 'Check that /proc is mounted.',
    },
  );
}

/** Detaches what can be detached, later mounts first. Failures are left to the remount. */
export async function unmountAll(): Promise<void> {
  for (const mount of writableMounts(currentMounts()).reverse())
    if (mount.mountPoint !== '/')
      await trySyscallWithin(UNMOUNT_TIMEOUT_MS, 'umount2', textArgument('target', mount.mountPoint), {
        name: 'flags',
        value: 0,
      }).catch(() => undefined);
}

/**
 * Syncs and makes every file system on a block device read-only.
 * @throws E_REFUSED naming those that stay writable
 */
export function makeReadOnly(): void {
  syncDisks();
  for (const mount of writableMounts(currentMounts()).reverse()) remountReadOnly(mount.mountPoint);
  if (writableMounts(currentMounts()).length > 0) emergencyRemount();
  syncDisks();
  const left = writableMounts(currentMounts());
  if (left.length === 0) return;
  throw new KhopError(
    'E_REFUSED',
    `still writable: ${left.map((mount) => `${mount.mountPoint} (${mount.source})`).join(', ')}; no jump was made`,
    { hint: 'Stop what writes there (fuser -vm), unmount it, and run the command again.' },
  );
}

function remountReadOnly(mountPoint: string): void {
  trySyscall(
    'mount',
    { name: 'source', value: null },
    textArgument('target', mountPoint),
    { name: 'filesystemtype', value: null },
    { name: 'mountflags', value: MS_REMOUNT | MS_RDONLY, shown: 'MS_REMOUNT|MS_RDONLY' },
    { name: 'data', value: null },
  );
}

/** SysRq u works through open files; it is done by a kernel worker, so its end has to be waited for. */
function emergencyRemount(): void {
  try {
    writeFileSync('/proc/sysrq-trigger', 'u');
  } catch {
    return;
  }
  const deadline = performance.now() + KILL_WAIT_MS;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (writableMounts(currentMounts()).length > 0 && performance.now() < deadline)
    Atomics.wait(pause, 0, 0, POLL_MS);
}

/** Swap is of no use to the next kernel; turning it off frees devices for unmounting. */
export function stopSwap(): void {
  const lines = readFileSync('/proc/swaps', 'utf8').split('\n').slice(1);
  for (const line of lines) {
    const path = line.split(/\s+/)[0];
    if (path !== undefined && path !== '') trySyscall('swapoff', textArgument('path', path));
  }
}
