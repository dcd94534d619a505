/**
 * Loading the known-good kernel from disk, in the kernel on trial: what the first act does from memory, once more.
 * @module
 */
import { isDeepStrictEqual } from 'node:util';
import { KhopError } from '../error.ts';
import { digestFiles } from '../guard/drift.ts';
import type { LoadPlan } from '../plan/load-plan.ts';
import { watchdogArgumentsAtHome } from '../plan/trial/watchdog-at-home.ts';
import { chooseKernel } from '../switch/choose-kernel.ts';
import { loadPlan, readLoadedRecord } from '../switch/load.ts';
import { isOnTrial } from '../switch/on-trial.ts';
import { agreedPlan, propose } from '../switch/proposal.ts';
import type { Ticket, TicketTrial } from '../switch/ticket.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { causeArgument, HOME_PARAMETER, type ToldCause } from './trial-kernel.ts';

/** In the record of what is loaded. */
const BY_TRIAL = 'khop trial';

/** Which other command of khop filled a slot in this boot. The first act leaves no record, and other programs none. */
export function otherLoader(
  world: SwitchWorld,
  slot: 'normal' | 'crash',
  bootId: string | undefined,
): string | undefined {
  try {
    const by = readLoadedRecord(world, slot, bootId)?.by;
    return by === BY_TRIAL ? undefined : by;
  } catch {
    // Damaged, or of a newer khop: somebody has loaded something.
    return 'a program that khop does not know';
  }
}

/** Why the known-good kernel is not what waits in the normal slot; undefined when it is. */
export function whyHomeIsGone(
  world: SwitchWorld,
  isLoaded: boolean | undefined,
  bootId: string | undefined,
): string | undefined {
  if (isLoaded !== true) return 'The known-good kernel is not loaded';
  const by = otherLoader(world, 'normal', bootId);
  return by === undefined ? undefined : `\`${by}\` has replaced the known-good kernel by another`;
}

/** The known-good kernel as the first act will load it: with its own parameters, since it is the kernel that runs. */
export function planHomecoming(
  world: SwitchWorld,
  selector: string,
  { id, added }: { readonly id: string; readonly added: readonly string[] },
): LoadPlan {
  const append = homeArguments(id);
  return agreedPlan(
    propose(world, selector, { reuseCmdline: true, fast: true, append, added, isWayHome: true }),
  );
}

/** So that it knows which trial it comes home from, and why where the disk does not say it. */
function homeArguments(id: string, cause?: ToldCause): string[] {
  return [`${HOME_PARAMETER}=${id}`, ...(cause === undefined ? [] : [causeArgument(cause)])];
}

/**
 * Whether the disk still has the known-good kernel as it was before the jump. Of a ticket that does not say how it was,
 * nobody knows.
 * @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT for files that cannot be read
 */
export function isHomeUnchanged(world: SwitchWorld, { home }: TicketTrial): boolean {
  const { image, initrds } = chooseKernel(world, world.readMachine(), home.id);
  const now = digestFiles([image, ...initrds]);
  return home.files !== undefined && isDeepStrictEqual(now, home.files);
}

/** As `loadHome`, beside other khops: not behind a confirmation, which lets it go. @throws E_BUSY, E_STATE */
export async function loadHomeOnTrial(world: SwitchWorld, ticket: Ticket): Promise<void> {
  await world.exclusively(async () => {
    if (isOnTrial(world, world.readMachine())) return loadHome(world, ticket);
    throw new KhopError('E_STATE', 'this kernel is not on trial any more', { hint: 'See khop trial.' });
  });
}

/**
 * As its boot entry starts it, all of it: what the kernel on trial found is no measure of what home needs. Nothing is
 * checked beforehand: either nothing better is left, or the files are those that were checked before the jump.
 * @param cause why it goes home, to be told by the command line
 * @throws E_NOT_FOUND, E_UNREADABLE, E_FORMAT, E_PLAN for files that cannot be used; E_SYSCALL when the kernel refuses
 */
export async function loadHome(world: SwitchWorld, { id, trial }: Ticket, cause?: ToldCause): Promise<void> {
  if (trial === null) return;
  const { commandLine } = chooseKernel(world, world.readMachine(), trial.home.id);
  const reuseCmdline = (commandLine ?? '') === '';
  const added = watchdogArgumentsAtHome(trial.watchdog);
  const append = homeArguments(id, cause);
  const plan = agreedPlan(
    propose(world, trial.home.id, { reuseCmdline, append, added, isWayHome: true, isUnchecked: true }),
  );
  await loadPlan(world, plan, { by: BY_TRIAL, optimisations: [], isWayHome: true });
}
