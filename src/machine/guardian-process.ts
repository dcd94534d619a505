/**
 * The process that the first act of a trial left behind: it keeps the watchdog and goes home when nobody reports.
 * It runs from a file that is gone, so its name is all there is to find it by.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { GUARDIAN } from './guardian-words.ts';
import { type Reading, valueOf } from './reading.ts';
import { mapReading, readText } from './source.ts';

export type GuardianMessage = keyof typeof GUARDIAN.signals;

/** Its process id. A process of the name that another than root runs is none. */
export function findGuardian(root: string): Reading<number> {
  const source = join(root, 'proc');
  try {
    const pids = readdirSync(source).filter((name) => /^\d+$/.test(name));
    const pid = pids.find((each) => isGuardian(join(source, each)));
    return pid === undefined ? { state: 'absent', source } : { state: 'read', value: Number(pid), source };
  } catch (error) {
    return { state: 'unreadable', source, reason: (error as Error).message };
  }
}

/** A process that has ended is none, also one that nobody has waited for yet. */
function isGuardian(folder: string): boolean {
  try {
    if (readFileSync(join(folder, 'comm'), 'utf8').trim() !== GUARDIAN.comm) return false;
    const status = readFileSync(join(folder, 'status'), 'utf8');
    return /^Uid:\s+0\s/m.test(status) && !/^State:\s+[ZX]/m.test(status);
  } catch {
    return false;
  }
}

/** Whether it has taken a message that it was sent: the signal is not pending any more, see proc_pid_status(5). */
export function hasTakenMessage(root: string, pid: number, message: GuardianMessage): Reading<boolean> {
  const bit = 1n << BigInt(GUARDIAN.signals[message] - 1);
  return mapReading(readText(root, `/proc/${pid}/status`), (text) => {
    const masks = [...text.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)$/gm)].map(([, mask]) =>
      BigInt(`0x${mask}`),
    );
    return masks.length === 2 ? masks.every((mask) => (mask & bit) === 0n) : undefined;
  });
}

/** @throws E_NOT_FOUND when it is gone */
export function tellGuardian(pid: number, message: GuardianMessage): void {
  try {
    process.kill(pid, GUARDIAN.signals[message]);
  } catch (cause) {
    throw new KhopError(
      'E_NOT_FOUND',
      `the guardian (process ${pid}) cannot be told: ${(cause as Error).message}`,
      {
        hint: 'Without it, only the agent and a watchdog bring this machine home.',
        cause,
      },
    );
  }
}

/** Does nothing without a guardian. @throws E_NOT_FOUND when it ends meanwhile */
export function sayLeaving(root: string, message: 'leaving' | 'goingHome' = 'leaving'): void {
  const pid = valueOf(findGuardian(root));
  if (pid !== undefined) tellGuardian(pid, message);
}
