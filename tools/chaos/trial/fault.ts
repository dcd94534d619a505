/**
 * A fault of a trial: it is made in a machine, and says when the machine is on its way.
 * @module
 */
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';

/** What a fault is given. */
export interface FaultScene {
  readonly machine: VirtualMachine;
  /** Shell words that leave for the kernel on trial: `khop switch ... --yes`, with what this machine needs accepted. */
  readonly leave: (options?: string) => string;
}

/** Whether the machine goes on by itself, or its power was cut and it is to be started again. */
export type FaultEnd = 'goes-on' | 'power-is-off';

/** Makes the fault. In a machine that is on trial already, it also lets the trial go on. */
export type Fault = (scene: FaultScene) => Promise<FaultEnd>;

/** Commands of the installed khop; the lab's own is not on their path. */
export const INSTALLED = 'env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin';

/** Where a command that may be refused leaves what it said, and then its exit status. */
export const REFUSAL = { words: '/run/refusal', status: '/run/refused' } as const;

/** For commands in an emulated machine. */
export const COMMAND = { timeoutMs: 120_000 };

/** Pulls the plug: QEMU is killed. What that takes: guard/power-cuts.ts. */
export async function cutPower(machine: VirtualMachine): Promise<FaultEnd> {
  process.kill(machine.pid, 'SIGKILL');
  await machine.waitForEnd(10_000);
  return 'power-is-off';
}
