/**
 * Telling a process from another one that was given its number later.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { KhopError } from '../error.ts';

/** A process of this boot of the host. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since the host was started, /proc/PID/stat field 22. */
  readonly startTime: string;
  readonly hostBootId: string;
}

/** @throws E_NOT_FOUND when there is no such process */
export async function identifyProcess(pid: number): Promise<ProcessIdentity> {
  const startTime = await readStartTime(pid);
  if (startTime === undefined)
    throw new KhopError('E_NOT_FOUND', `process ${pid} is not running`, { hint: 'It has ended.' });
  return { pid, startTime, hostBootId: await readBootId() };
}

/** Whether that very process still runs. */
export async function isSameProcess(identity: ProcessIdentity): Promise<boolean> {
  if (identity.hostBootId !== (await readBootId())) return false;
  return (await readStartTime(identity.pid)) === identity.startTime;
}

async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Undefined for a process that has ended, waited for or not. */
async function readStartTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name in parentheses and may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}
