/**
 * What a way down does to the machine, as one value: `quiesce.ts` decides, these act, and its tests give a
 * machine that only remembers. Calls that a dead disk or server can block have a deadline.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../error.ts';
import type { SyscallName } from '../formats/syscall-numbers.ts';
import { markKernelLog } from './kernel-log.ts';
import { type MountInfo, readAllMounts } from './mounts.ts';
import { type Process, processesToStop, readProcesses } from './processes.ts';
import { linesOf } from './source.ts';
import { type SyscallArgument, textArgument, trySyscallWithin } from './syscall.ts';

/** Each call gives undefined when it has done its work, else the reason it has not. */
export interface ShutdownMachine {
  /** Processes that may be ended. */
  readonly processes: () => readonly Process[];
  readonly signal: (pid: number, signal: NodeJS.Signals) => void;
  /** Mounts of every mount namespace, oldest first. @throws E_UNREADABLE */
  readonly mounts: () => readonly MountInfo[];
  /** Types of file systems that need no block device. */
  readonly deviceless: () => ReadonlySet<string>;
  readonly swaps: () => readonly string[];
  readonly sync: () => Promise<string | undefined>;
  readonly swapOff: (path: string) => Promise<string | undefined>;
  readonly unmount: (mountPoint: string) => Promise<string | undefined>;
  readonly remountReadOnly: (mountPoint: string) => Promise<string | undefined>;
  /** SysRq u: the kernel makes all file systems on block devices read-only, also those with open files. */
  readonly emergencyRemount: () => Promise<string | undefined>;
  readonly sleep: (ms: number) => Promise<void>;
  /** A clock that is never set, ms. */
  readonly now: () => number;
}

const MS_RDONLY = 1;
const MS_REMOUNT = 32;
const UMOUNT_NOFOLLOW = 8;
/** Writing gigabytes of dirty pages to a slow disk is no hang. */
const SYNC_TIMEOUT_MS = 120_000;
const SWAP_TIMEOUT_MS = 60_000;
const UNMOUNT_TIMEOUT_MS = 15_000;
const EMERGENCY_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

/** The machine this process runs on. */
export function thisMachine(): ShutdownMachine {
  return {
    processes: () => processesToStop(readProcesses(), process.pid),
    signal: sendSignal,
    mounts: readAllMounts,
    deviceless: () => parseDeviceless(readFileSync('/proc/filesystems', 'utf8')),
    swaps: () => parseSwaps(readFileSync('/proc/swaps', 'utf8')),
    sync: () => attempt(SYNC_TIMEOUT_MS, 'sync'),
    swapOff: (path) => attempt(SWAP_TIMEOUT_MS, 'swapoff', textArgument('path', path)),
    unmount: (mountPoint) =>
      attempt(UNMOUNT_TIMEOUT_MS, 'umount2', textArgument('target', mountPoint), {
        name: 'flags',
        value: UMOUNT_NOFOLLOW,
      }),
    remountReadOnly: (mountPoint) =>
      attempt(
        SYNC_TIMEOUT_MS,
        'mount',
        { name: 'source', value: null },
        textArgument('target', mountPoint),
        { name: 'filesystemtype', value: null },
        { name: 'mountflags', value: MS_REMOUNT | MS_RDONLY },
        { name: 'data', value: null },
      ),
    emergencyRemount,
    sleep: async (ms) => {
      await sleep(ms);
    },
    now: () => performance.now(),
  };
}

/** `nodev\ttmpfs` lines of /proc/filesystems; the others need a block device. */
export function parseDeviceless(text: string): ReadonlySet<string> {
  return new Set(linesOf(text).flatMap((line) => /^nodev\s+(\S+)/.exec(line)?.[1] ?? []));
}

/** The first column of /proc/swaps below its heading, with the kernel's octal escapes undone. */
export function parseSwaps(text: string): string[] {
  return linesOf(text)
    .slice(1)
    .map((line) =>
      line
        .split(/\s+/)[0]!
        .replaceAll(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    kill(pid, signal);
  } catch {
    // It has ended by itself, or is not ours to end; who is left is counted, not who was asked.
  }
}

/** A kernel worker does it; drivers/tty/sysrq.c and fs/super.c, do_emergency_remount: its end is in the log. */
async function emergencyRemount(): Promise<string | undefined> {
  using log = markKernelLog();
  try {
    writeFileSync('/proc/sysrq-trigger', 'u');
  } catch (error) {
    return (error as Error).message;
  }
  const deadline = performance.now() + EMERGENCY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (log.newTexts().some((text) => text.includes('Emergency Remount complete'))) return undefined;
    await sleep(POLL_MS);
  }
  return 'the kernel has not said that it is complete';
}

async function attempt(
  timeoutMs: number,
  name: SyscallName,
  ...args: readonly SyscallArgument[]
): Promise<string | undefined> {
  try {
    const outcome = await trySyscallWithin(timeoutMs, name, ...args);
    return outcome.ok ? undefined : (outcome.name ?? `errno ${outcome.errno}`);
  } catch (error) {
    if (error instanceof KhopError && error.code === 'E_TIMEOUT') return error.message;
    throw error;
  }
}
