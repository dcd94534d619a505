/**
 * The processes of this machine, and which of them a way down may end.
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One process that has not ended; Documentation/filesystems/proc.rst, table 1-4. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** The name in /proc/PID/stat, at most 15 bytes. */
  readonly name: string;
  readonly isKernelThread: boolean;
  /** Has a controlling terminal: a login shell, or what runs in one. */
  readonly hasTerminal: boolean;
  /**
   * A daemon without which the root file system is lost (mdmon, iscsid, a FUSE or NBD client): it runs as root
   * and begins its command line with `@`, systemd's convention since 188, "Storage Daemons for the Root File System".
   */
  readonly isStorageDaemon: boolean;
}

/** include/linux/sched.h */
const PF_KTHREAD = 0x00200000;

/** `1 (init) S 0 1 1 0 -1 4194560 ...`: the name may hold anything, also parentheses. Undefined when it has ended. */
export function parseProcessStat(text: string): Omit<Process, 'isStorageDaemon'> | undefined {
  const close = text.lastIndexOf(')');
  const head = /^(\d+) \(/.exec(text);
  const [state, parent, , , terminal, , flags] = text.slice(close + 2).split(' ');
  if (head === null || close < 0 || parent === undefined || flags === undefined) return undefined;
  if (state === 'Z' || state === 'X') return undefined;
  return {
    pid: Number(head[1]),
    parent: Number(parent),
    name: text.slice(head[0].length, close),
    isKernelThread: (Number(flags) & PF_KTHREAD) !== 0,
    hasTerminal: Number(terminal) !== 0,
  };
}

/** All processes below `root`/proc; those that end while we read are left out. */
export function readProcesses(root = '/'): Process[] {
  const folder = join(root, 'proc');
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const process = parseProcessStat(readFileSync(join(folder, name, 'stat'), 'utf8'));
        return process === undefined
          ? []
          : [{ ...process, isStorageDaemon: isStorageDaemon(join(folder, name)) }];
      } catch {
        return [];
      }
    });
}

function isStorageDaemon(folder: string): boolean {
  return readFileSync(join(folder, 'cmdline'))[0] === '@'.charCodeAt(0) && statSync(folder).uid === 0;
}

/**
 * The processes that a way down ends: not PID 1, the kernel's own, storage daemons, `self` and its ancestors.
 * The ancestors carry the terminal on which the person follows what happens.
 */
export function processesToStop(processes: readonly Process[], self: number): Process[] {
  const parents = new Map(processes.map((process) => [process.pid, process.parent]));
  const spared = new Set([1]);
  for (let pid: number | undefined = self; pid !== undefined && !spared.has(pid); pid = parents.get(pid))
    spared.add(pid);
  return processes.filter(
    (process) => !spared.has(process.pid) && !process.isKernelThread && !process.isStorageDaemon,
  );
}
