/**
 * Whether a switch has to be a trial: not to a kernel that was confirmed on this machine, as it is now.
 * @module
 */
import { KhopError } from '../error.ts';
import { valueOf } from '../machine/reading.ts';
import { addedParameters } from '../switch/added-parameters.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { usedOptimisations } from '../switch/fast.ts';
import type { SwitchHistoryEntry } from '../switch/history.ts';
import type { OptimisationName } from '../switch/optimisations.ts';
import { type ProposalOptions, propose } from '../switch/proposal.ts';
import { readHistory } from '../switch/read-history.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { type KnownGoodGeneration, readKnownGood, verifyGeneration } from './known-good.ts';
import type { TrialWorld } from './world.ts';

/** Whether it is one, and why it is so where nobody has said so and the kernel was confirmed. */
export interface NeedOfTrial {
  readonly isTrial: boolean;
  /** As what the kernel was confirmed. */
  readonly proven?: KnownGoodGeneration;
  /** What makes it one all the same: optimisations that it has not arrived with since. */
  readonly untried?: readonly OptimisationName[];
}

/** The others leave what is started as it is. */
const CHANGE_THE_START: ReadonlySet<string> = new Set([
  'direct-entry',
  'trim',
  'parameters',
] satisfies OptimisationName[]);

/** @param options what a person says (`trial`) counts before khop.conf, and that before what was confirmed */
export function needOfTrial(
  world: SwitchWorld,
  selector: string,
  options: ProposalOptions & { readonly trial?: boolean },
): NeedOfTrial {
  if (options.trial !== undefined) return { isTrial: options.trial };
  if (!world.configuration.trial) return { isTrial: false };
  const proven = provenBefore(world, selector, options);
  if (proven === undefined) return { isTrial: true };
  const untried = options.fast === true ? untriedWith(world, selector, options, proven) : [];
  return untried.length === 0 ? { isTrial: false, proven } : { isTrial: true, proven, untried };
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
 * Which optimisations that would be used now this kernel has never arrived with, all of them at once. Only switches
 * since its confirmation count: before it, files of the same names may have been others.
 */
function untriedWith(
  world: SwitchWorld,
  selector: string,
  options: ProposalOptions,
  { image, confirmedAtMs }: KnownGoodGeneration,
): readonly OptimisationName[] {
  const { plan, optimisations } = propose(world, selector, { ...options, isUnchecked: true });
  const wanted = usedOptimisations(optimisations).filter((name) => CHANGE_THE_START.has(name));
  const added = addedParameters(plan?.commandLine ?? '');
  const arrivals = readHistory(world).entries.filter(
    (entry): entry is SwitchHistoryEntry =>
      entry.kind === 'switch' && entry.outcome === 'arrived' && entry.image === image,
  );
  const confirming = arrivals.findLast(
    ({ trial, atMs }) => trial?.verdict === 'confirmed' && atMs <= confirmedAtMs,
  );
  const lacks = (entry: SwitchHistoryEntry): OptimisationName[] =>
    wanted.filter((name) =>
      name === 'parameters'
        ? !added.every((text) => entry.added?.includes(text) === true)
        : !entry.optimisations.includes(name),
    );
  // The fewest that any of them lacks.
  return arrivals
    .filter(({ atMs }) => atMs >= (confirming?.atMs ?? confirmedAtMs))
    .map(lacks)
    .reduce((fewest, each) => (each.length < fewest.length ? each : fewest), wanted);
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
