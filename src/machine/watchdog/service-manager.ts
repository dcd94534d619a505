/**
 * systemd and the watchdog: process 1 pets it as RuntimeWatchdogSec= says, whatever else hangs. So during a trial it
 * must not, and afterwards it is the best one to. Its properties can be set while it runs: org.freedesktop.systemd1(5).
 * @module
 */
import { basename } from 'node:path';
import { runProcess } from '../run-process.ts';
import type { WatchdogCalls } from './calls.ts';
import { holdsWatchdog } from './holder.ts';
import { type StopOutcome, stopWatchdog } from './keep.ts';

/** How programs are run; a test gives one that only remembers. */
export interface ManagerOptions {
  readonly signal?: AbortSignal | undefined;
  readonly run?: typeof runProcess;
  readonly calls?: WatchdogCalls | undefined;
}

/** What is known of it when the trial is over. */
export interface HandOver {
  readonly device: string;
  /** What the administrator has set as RuntimeWatchdogSec=; 0 for nothing. */
  readonly configuredSeconds: number;
  /** For one that cannot be stopped, and that nothing is set for. */
  readonly timeoutSeconds: number;
}

const TIMEOUT_MS = 10_000;
const OBJECT = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager'];

/**
 * Process 1 stops it and closes it; one with nowayout counts on, and can then be opened.
 * @returns the seconds that it was set to, to give it back with; infinite where it leaves the time to the watchdog
 * @throws E_CHILD, E_TIMEOUT
 */
export async function takeFromServiceManager(options: ManagerOptions = {}): Promise<number> {
  const seconds = await runtimeWatchdogSeconds(options);
  await setRuntimeWatchdog(0, options);
  return seconds;
}

/**
 * After a trial: process 1 gets it where the administrator wants that, or where it cannot be stopped. Whoever petted it
 * must have closed it.
 * @returns who has it now, or that it still counts and nobody pets it
 * @throws E_BUSY when somebody else has it open
 */
export async function handToServiceManager(
  root: string,
  order: HandOver,
  options: ManagerOptions = {},
): Promise<{ readonly state: 'service-manager' } | StopOutcome> {
  if (order.configuredSeconds > 0) return await give(root, order, order.configuredSeconds, options);
  const outcome = stopWatchdog(root, order.device, options.calls);
  return outcome.state === 'stopped' ? outcome : await give(root, order, order.timeoutSeconds, options);
}

async function give(
  root: string,
  { device }: HandOver,
  seconds: number,
  options: ManagerOptions,
): Promise<{ readonly state: 'service-manager' } | StopOutcome> {
  try {
    await setRuntimeWatchdog(seconds, options);
    // The property takes any value, also when the device cannot be opened.
    if (holdsWatchdog(root, 1, basename(device)) !== false) return { state: 'service-manager' };
    return notTaken(device, 'process 1 does not have it open');
  } catch (error) {
    return notTaken(device, error instanceof Error ? error.message.split('\n')[0]! : String(error));
  }
}

function notTaken(device: string, why: string): StopOutcome {
  return { state: 'counting', reason: `systemd does not take ${device}, which nobody pets now: ${why}` };
}

/** USEC_INFINITY of systemd: `default` in its settings. */
const INFINITE = '18446744073709551615';

/** Of `t 30000000`. */
async function runtimeWatchdogSeconds(options: ManagerOptions): Promise<number> {
  const { stdout } = await busctl(['get-property', ...OBJECT, 'RuntimeWatchdogUSec'], options);
  const [, value] = stdout.trim().split(' ');
  return value === INFINITE ? Number.POSITIVE_INFINITY : Number(value ?? 0) / 1_000_000;
}

async function setRuntimeWatchdog(seconds: number, options: ManagerOptions): Promise<void> {
  const value = Number.isFinite(seconds) ? String(Math.round(seconds * 1_000_000)) : INFINITE;
  await busctl(['set-property', ...OBJECT, 'RuntimeWatchdogUSec', 't', value], options);
}

async function busctl(args: readonly string[], options: ManagerOptions): Promise<{ stdout: string }> {
  return await (options.run ?? runProcess)('busctl', args, { timeoutMs: TIMEOUT_MS, signal: options.signal });
}
