/**
 * What is done in every machine once its agent answers.
 * @module
 */
import type { VirtualMachine } from './virtual-machine.ts';

/** A machine that counts its instructions is a slow one. */
const TIMEOUT_MS = 120_000;

/** Waits until the agent answers, and prepares the guest. A machine that does not come that far is ended here. */
export async function whenPrepared(
  machine: VirtualMachine,
  options: { readonly hasKhop: boolean },
): Promise<VirtualMachine> {
  try {
    await machine.waitForHello(TIMEOUT_MS);
    await prepareGuest(machine, options);
    return machine;
  } catch (cause) {
    await machine[Symbol.asyncDispose]();
    throw cause;
  }
}

/** Sets the clock, which in a checkpoint stands where it was saved, and mounts khop's own disk. */
export async function prepareGuest(
  machine: VirtualMachine,
  options: { readonly hasKhop: boolean },
): Promise<void> {
  const seconds = Math.floor(Date.now() / 1000);
  const mount = options.hasKhop ? ' && mount-khop' : '';
  await machine.run(`date -u -s @${seconds} >/dev/null${mount}`, { timeoutMs: TIMEOUT_MS });
}
