/**
 * Which panics of a kernel on trial its panic kernel can go home from: on most machines those on the first processor alone
 * (docs/decisions/way-home.md).
 * @module
 */
import { type PanicsElsewhere, panicProcessorArgument, panicsElsewhere } from '../guard/panic-processor.ts';
import type { MachineFacts } from '../machine/facts.ts';
import type { StagedTrial } from './stage-trial.ts';

/** Which panics the panic kernel does not start the known-good kernel after. None where it starts it from any processor, or never. */
export function panicsOutOfReach(
  machine: MachineFacts,
  { guard, proposal }: Pick<StagedTrial, 'guard' | 'proposal'>,
): PanicsElsewhere {
  return isHomeFromFirstOnly(guard)
    ? panicsElsewhere(machine.cpu, proposal.kernel.release, proposal.plan?.commandLine ?? '')
    : 'none';
}

/**
 * What the kernel on trial is told, so that fewer of them are: where it has the parameter, and it makes a difference. A panic
 * that is handed to a processor that takes no interrupts is lost, so where the firmware would lead home from any of them,
 * a watchdog has to be there to end that.
 */
export function panicProcessorOnTrial(
  { guard, homeDefault, watchdog }: Pick<StagedTrial, 'guard' | 'homeDefault' | 'watchdog'>,
  release: string | undefined,
): string | undefined {
  const isNeeded = homeDefault.state === 'missing' || watchdog.state === 'planned';
  return isNeeded && isHomeFromFirstOnly(guard) ? panicProcessorArgument(release) : undefined;
}

function isHomeFromFirstOnly(guard: StagedTrial['guard']): boolean {
  if (guard.state === 'missing' || guard.value.home.state !== 'planned') return false;
  return guard.value.home.wayHome.bootProcessor !== undefined;
}
