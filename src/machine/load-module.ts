/**
 * Loading a driver by its name, which no blacklist of modprobe.d(5) keeps from being loaded.
 * @module
 */
import { runProcess } from './run-process.ts';

const TIMEOUT_MS = 10_000;

/** Nothing happens when it is loaded. @throws E_CHILD, E_TIMEOUT */
export async function loadModule(name: string, signal?: AbortSignal): Promise<void> {
  await runProcess('modprobe', ['--', name], { timeoutMs: TIMEOUT_MS, signal });
}
