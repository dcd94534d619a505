/**
 * On which processor a kernel panics. A panic kernel runs on the one that panicked, and only from the one that the
 * firmware started with can a kernel come home that has all processors (docs/decisions/way-home.md).
 *
 * `panic_force_cpu=0` makes a kernel hand its panic to that one. Debian's 7.2 has it, its 6.1 and 6.12 do not; a kernel
 * that does not know it ignores it.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { commandLineValue } from '../plan/command-line.ts';

/** The parameter's name. */
export const PANIC_PROCESSOR = 'panic_force_cpu';

/** The oldest release that is told it. */
const SINCE = 7;

/** What the guarded kernel is started with, besides its reservation; undefined where it would not be understood. */
export function panicProcessorArgument(release: string | undefined): string | undefined {
  return Number.parseInt(release ?? '', 10) >= SINCE ? `${PANIC_PROCESSOR}=0` : undefined;
}

/** Whether a panic may be on a processor from which home leads through the firmware. Unknown counts as yes. */
export function mayPanicElsewhere(machine: MachineFacts): boolean {
  if (valueOf(machine.cpu.online) === 1) return false;
  const release = valueOf(machine.release);
  const isForced = commandLineValue(valueOf(machine.commandLine) ?? '', PANIC_PROCESSOR) === '0';
  return !(isForced && panicProcessorArgument(release) !== undefined);
}
