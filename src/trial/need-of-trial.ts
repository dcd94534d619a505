/**
 * Whether a switch has to be a trial: not to a kernel that was confirmed on this machine, as it is now.
 * @module
 */
import { KhopError } from '../error.ts';
import { valueOf } from '../machine/reading.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import type { ProposalOptions } from '../switch/proposal.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { type KnownGoodGeneration, readKnownGood, verifyGeneration } from './known-good.ts';
import type { TrialWorld } from './world.ts';

/** Whether it is one, and by what it is none where nobody has said so. */
export interface NeedOfTrial {
  readonly isTrial: boolean;
  readonly proven?: KnownGoodGeneration;
}

/** @param options what a person says (`trial`) counts before khop.conf, and that before what was confirmed */
export function needOfTrial(
  world: SwitchWorld,
  selector: string,
  options: ProposalOptions & { readonly trial?: boolean },
): NeedOfTrial {
  if (options.trial !== undefined) return { isTrial: options.trial };
  if (!world.configuration.trial) return { isTrial: false };
  const proven = provenBefore(world, selector, options);
  return proven === undefined ? { isTrial: true } : { isTrial: false, proven };
}

/** The generation that the kernel is, when everything that would be started is as it was confirmed. */
function provenBefore(
  world: SwitchWorld,
  selector: string,
  { initrd, commandLine, reuseCmdline, append, dtb }: ProposalOptions,
): KnownGoodGeneration | undefined {
  // Another initramfs, command line or device tree was not confirmed with it.
  const others = [initrd, commandLine, reuseCmdline, dtb, append?.[0]];
  if (others.some((other) => other !== undefined && other !== false)) return undefined;
  const kernel = chooseKernel(world, world.readMachine(), selector);
  return readKnownGood(world).find(
    (generation) =>
      generation.image === kernel.image &&
      generation.initrds.join('\n') === kernel.initrds.join('\n') &&
      generation.commandLine === kernel.commandLine &&
      verifyGeneration(generation).length === 0,
  );
}

/**
 * @throws E_STATE on the way down: what the machine is like then is nothing to compare a kernel with, and the ticket and
 *   the loaded kernel belong to a switch that may have begun
 */
export async function refuseOnWayDown({ units }: Pick<TrialWorld, 'units'>): Promise<void> {
  if (valueOf(await units.systemState()) !== 'stopping') return;
  throw new KhopError('E_STATE', 'the system is going down already', {
    hint: 'Let it: after its next start, `khop history` says how that ended. Then try again.',
  });
}
