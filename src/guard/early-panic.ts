/**
 * A panic before the guard is armed: no panic kernel is loaded then, and Debian's kernels stand still after it
 * (kernel.panic is 0). What sysctl.conf says comes too late for the earliest. So whoever has memory reserved has the
 * machine restarted, too, unless somebody has said what it does.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { PermanentParameter } from '../plan/boot-loader/boot-loader-plan.ts';
import { commandLineValue, hasArgument } from '../plan/command-line.ts';
import { withoutAddedParameters } from '../switch/added-parameters.ts';
import { isRestarting } from '../switch/restart-on-way-home.ts';

/** The parameter's name. */
export const EARLY_PANIC = 'panic';
/** Long enough to read the end of what a kernel says. */
const SECONDS = '10';

/** Whether the running kernel, started as it was but not on its way home, stands still after a panic. Unknown counts as yes. */
export function standsStillEarly({
  commandLine,
  kernelConfig,
}: Pick<MachineFacts, 'commandLine' | 'kernelConfig'>): boolean {
  const line = withoutAddedParameters(valueOf(commandLine) ?? '');
  return !isRestarting(
    commandLineValue(line, EARLY_PANIC) ?? valueOf(kernelConfig)?.get('CONFIG_PANIC_TIMEOUT'),
  );
}

/** Undefined where the kernel restarts, or a command line says what it does. @param entry the command line of its boot entry */
export function earlyPanicParameter(
  machine: Pick<MachineFacts, 'commandLine' | 'kernelConfig'>,
  entry: string,
): PermanentParameter | undefined {
  const lines = [withoutAddedParameters(valueOf(machine.commandLine) ?? ''), entry];
  if (lines.some((line) => hasArgument(line, EARLY_PANIC)) || !standsStillEarly(machine)) return undefined;
  return { name: EARLY_PANIC, value: SECONDS };
}
