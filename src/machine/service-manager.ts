/**
 * systemd, as the way down.
 * @module
 */
import { runProcess } from './run-process.ts';

const START_TIMEOUT_MS = 30_000;

/**
 * Queues kexec.target, which stops everything in order and ends in reboot(LINUX_REBOOT_CMD_KEXEC): since
 * systemd-shutdown finds an image loaded, it needs no kexec-tools.
 * @throws E_CHILD when systemd refuses, e.g. for an inhibitor
 */
export async function startKexecTarget(signal: AbortSignal): Promise<void> {
  await runProcess('systemctl', ['start', 'kexec.target', '--job-mode=replace-irreversibly', '--no-block'], {
    timeoutMs: START_TIMEOUT_MS,
    signal,
  });
}
