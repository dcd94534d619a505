/**
 * Telling the guardian of the first act that the kernel is confirmed. It takes signals, and ends on this one; as long as
 * it is there it may go home, so it is not enough to have told it.
 * @module
 */
import { KhopError } from '../error.ts';
import type { Process } from '../machine/processes.ts';

/** /proc/PID/comm; its arguments begin with @, so that the system's start spares it. */
const NAME = 'khop-guardian';
const CONFIRMED = 'SIGUSR2';
/** It looks about once a second. */
const POLL_MS = 200;
const TIMEOUT_MS = 10_000;

/** What that needs of the machine. */
export interface GuardianCalls {
  readonly processes: () => readonly Process[];
  readonly signal: (pid: number, signal: NodeJS.Signals) => void;
  readonly wait: (ms: number) => Promise<void>;
}

/** Succeeds when there is none. @throws E_TIMEOUT when it does not end */
export async function endGuardian(calls: GuardianCalls): Promise<void> {
  const guardians = (): readonly Process[] =>
    calls.processes().filter(({ name, isStorageDaemon }) => name === NAME && isStorageDaemon);
  for (let waitedMs = 0; waitedMs <= TIMEOUT_MS; waitedMs += POLL_MS) {
    const found = guardians();
    if (found.length === 0) return;
    if (waitedMs === 0) for (const { pid } of found) calls.signal(pid, CONFIRMED);
    await calls.wait(POLL_MS);
  }
  throw new KhopError('E_TIMEOUT', `${NAME} has not ended within ${TIMEOUT_MS / 1000} s`, {
    hint: 'It may still take this machine home at its deadline: switch again, or end it yourself.',
  });
}
