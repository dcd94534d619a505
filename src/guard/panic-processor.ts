/**
 * On which processor a kernel panics. A panic kernel runs on the one that panicked, and only from the one that the
 * firmware started with can a kernel come home that has all processors (docs/decisions/way-home.md).
 *
 * `panic_force_cpu=0` makes a kernel hand its panic to that one. Debian's 7.2 has it, its 6.1 and 6.12 do not; a kernel
 * that does not know it ignores it. It is asked in panic() alone: an oops starts the panic kernel before that, where it is
 * (oops_end() in arch/x86/kernel/dumpstack.c), and nmi_panic() has decided for its processor before it calls panic().
 * @module
 */
import type { CpuFacts, MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { commandLineValue } from '../plan/command-line.ts';

/** The parameter's name. */
export const PANIC_PROCESSOR = 'panic_force_cpu';

/** The oldest release that is told it. */
const SINCE = 7;

/** What a guarded kernel and one on trial are started with, besides their reservation; undefined where it would not be understood. */
export function panicProcessorArgument(release: string | undefined): string | undefined {
  return Number.parseInt(release ?? '', 10) >= SINCE ? `${PANIC_PROCESSOR}=0` : undefined;
}

/** Which deaths of a kernel may start its panic kernel on another processor than the first; `oopses`: and NMIs. */
export type PanicsElsewhere = 'none' | 'oopses' | 'all';

/** What is not known counts as several processors, and as a kernel that cannot be told. */
export function panicsElsewhere(
  { online }: Pick<CpuFacts, 'online'>,
  release: string | undefined,
  commandLine: string,
): PanicsElsewhere {
  if (valueOf(online) === 1) return 'none';
  const isForced = commandLineValue(commandLine, PANIC_PROCESSOR) === '0';
  return isForced && panicProcessorArgument(release) !== undefined ? 'oopses' : 'all';
}

/** Whether a panic may be on a processor from which home leads through the firmware. Unknown counts as yes. */
export function mayPanicElsewhere({ cpu, release, commandLine }: MachineFacts): boolean {
  return panicsElsewhere(cpu, valueOf(release), valueOf(commandLine) ?? '') !== 'none';
}
