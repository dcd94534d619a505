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

/** What the kernel on trial is told, so that fewer of them are: where it has the parameter, and it makes a difference. */
export function panicProcessorOnTrial(
  guard: StagedTrial['guard'],
  release: string | undefined,
): string | undefined {
  return isHomeFromFirstOnly(guard) ? panicProcessorArgument(release) : undefined;
}

function isHomeFromFirstOnly(guard: StagedTrial['guard']): boolean {
  if (guard.state === 'missing' || guard.value.home.state !== 'planned') return false;
  return guard.value.home.wayHome.bootProcessor !== undefined;
}
