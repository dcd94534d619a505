/**
 * Confirming the kernel on trial. The decision is one write: the ticket's phase becomes `confirmed`. Whatever comes behind
 * it may be cut short and is done again, by the same command or by the next boot, whichever kernel that is; the ticket
 * goes last. Before that write, a cut leaves a trial that was not confirmed.
 *
 * The guardian ends before the decision: it reads no files, so one that lives on would take a confirmed kernel home.
 * @module
 */
import { KhopError } from '../error.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { planDefaultEntry } from '../plan/boot-loader/change-boot-loader.ts';
import { removeTicket } from '../switch/arrive.ts';
import { bootLoaderOptions } from '../switch/boot-loader-options.ts';
import { chooseKernel, readKernels } from '../switch/choose-kernel.ts';
import { encodeHistoryEntry, type SwitchHistoryEntry } from '../switch/history.ts';
import { withoutOneBoot } from '../switch/one-boot.ts';
import { readHistory } from '../switch/read-history.ts';
import { arrivedPath, confirmedPath, historyPath, ticketPath } from '../switch/state-paths.ts';
import { encodeTicket } from '../switch/ticket.ts';
import { type Announcer, announceTrialEnd } from './announce.ts';
import { forgetFailedTrial } from './failed-trials.ts';
import { generationOf, recordKnownGood } from './known-good.ts';
import { readTrialPlace, type TrialTicket } from './read-trial.ts';
import { confirmedEntry, endOnRecord } from './trial-entry.ts';
import { whyNotAsTried } from './tried-kernel.ts';

/** What only the confirmed kernel itself can do. */
export interface ConfirmCalls extends Announcer {
  /**
   * The guardian of the first act has ended, or counts no deadline any more, when it resolves. @returns sentences on
   * what else went wrong @throws when that is not so, or not known: then nothing is confirmed
   */
  readonly endGuardian: () => Promise<readonly string[]>;
  /** @param name e.g. `kernel.hung_task_panic` */
  readonly writeSysctl: (name: string, value: string) => void;
  /** A panic kernel for this kernel, if the guard is wanted. */
  readonly rearmGuard: () => Promise<void>;
  /** Whoever measures the way up looked for an arrival when systemd was done, which is before any confirmation. */
  readonly startMeasuring: () => Promise<void>;
}

/** What became of the boot loader's default. */
export type DefaultOutcome =
  | { readonly state: 'set' | 'already' }
  /** The kernel is no boot entry, or none that starts what was tried, or the boot loader cannot be changed. */
  | { readonly state: 'not-set'; readonly reason: string };

/** A trial that ended well. */
export interface Confirmation {
  readonly entry: SwitchHistoryEntry;
  readonly defaultEntry: DefaultOutcome;
  /** One sentence for each thing that could not be done; the kernel is confirmed all the same. */
  readonly problems: readonly string[];
}

/**
 * Confirms the running kernel, or finishes doing so. To be called while no other khop changes anything.
 * @throws E_STATE when this is not a kernel on trial, or one that is on its way home; what ending the guardian and writing
 *   the state throw. Until the decision is written it can be called again
 */
export async function confirmTrial(world: GuardWorld, calls: ConfirmCalls): Promise<Confirmation> {
  const machine = world.readMachine();
  requireStaying(world, machine);
  const problems = [...(await calls.endGuardian())];
  // That took its time, in which somebody may have left.
  const ticket = requireStaying(world, machine);
  const confirmed = ticket.trial.phase === 'confirmed' ? ticket : decide(world, machine, ticket);
  await restoreSysctls(confirmed, calls, problems);
  const rest = await finishConfirmation(world, confirmed, machine, calls, async () => {
    await attempt(problems, 'the guard could not be armed again', calls.rearmGuard);
  });
  await attempt(problems, 'the way up is not measured', calls.startMeasuring);
  return { ...rest, problems: [...problems, ...rest.problems] };
}

/** @throws E_STATE */
export function requireOnTrial(world: GuardWorld, machine: MachineFacts): TrialTicket {
  const found = readTrialPlace(world, machine);
  if (found.place === 'on-trial') return found.ticket;
  if (found.place === 'unreadable')
    throw new KhopError('E_STATE', found.reason, {
      hint: found.isOnTrial
        ? 'This kernel goes home by itself: nothing says what would be confirmed.'
        : 'khop arrive moves it aside.',
    });
  throw new KhopError('E_STATE', 'no trial is going on: this kernel is not on trial', {
    hint: 'khop trial says how the last one ended.',
  });
}

/** For a person who leaves: one without a ticket that can be read leaves as well. @throws E_STATE in any other kernel */
export function ticketToLeave(world: GuardWorld, machine: MachineFacts): TrialTicket | undefined {
  const found = readTrialPlace(world, machine);
  return found.place === 'unreadable' && found.isOnTrial ? undefined : requireOnTrial(world, machine);
}

/** @throws E_STATE, also in one that is on its way home */
function requireStaying(world: GuardWorld, machine: MachineFacts): TrialTicket {
  const ticket = requireOnTrial(world, machine);
  const { cause, phase } = ticket.trial;
  if (cause === null && phase !== 'returning') return ticket;
  throw new KhopError('E_STATE', `this kernel is on its way home: ${cause?.detail ?? phase}`, {
    hint: 'After it, `khop history` says how the trial ended.',
  });
}

/** For a person who confirms: the agent knows itself when it is done. @throws E_STATE, E_REFUSED naming the phase */
export function requireChecksOver(world: GuardWorld, machine: MachineFacts): void {
  const { phase } = requireOnTrial(world, machine).trial;
  if (phase === 'jumping' || phase === 'system' || phase === 'network' || phase === 'services')
    throw new KhopError('E_REFUSED', `the checks are not over: the trial is in phase ${phase}`, {
      hint: 'Wait, and watch with `khop trial --follow`; or confirm all the same: khop confirm --early',
    });
}

function decide(world: GuardWorld, machine: MachineFacts, ticket: TrialTicket): TrialTicket {
  const upMs = valueOf(machine.uptimeMs) ?? null;
  const phases = [...ticket.trial.phases, { phase: 'confirmed', atMs: world.nowMs(), upMs }];
  const confirmed = { ...ticket, trial: { ...ticket.trial, phase: 'confirmed', phases } };
  world.files.write(ticketPath(world.folders), encodeTicket(confirmed));
  return confirmed;
}

/** What was there for the trial alone. */
async function restoreSysctls(
  { trial }: TrialTicket,
  calls: ConfirmCalls,
  problems: string[],
): Promise<void> {
  for (const [name, value] of Object.entries(trial.restore))
    await attempt(problems, `${name} could not be set back to ${value}`, async () =>
      calls.writeSysctl(name, value),
    );
}

async function attempt(problems: string[], what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    problems.push(`${what}: ${(error as Error).message}`);
  }
}

/**
 * All of a confirmation that any boot can do. Each part is done once, however often this is called.
 * @param machine of the confirmed kernel; undefined in any other boot
 * @param beforeTicketGoes what has to be done as long as the ticket is there
 */
export async function finishConfirmation(
  world: GuardWorld,
  ticket: TrialTicket,
  machine: MachineFacts | undefined,
  announcer: Announcer,
  beforeTicketGoes: () => Promise<void> = async () => undefined,
): Promise<Confirmation> {
  const problems: string[] = [];
  const kernel = findTrialKernel(world, ticket, problems);
  const other = kernel && whyNotAsTried(ticket.trial, kernel);
  if (other !== undefined) problems.push(`${other}; so that is not recorded as known to be good`);
  const digest =
    kernel === undefined || other !== undefined
      ? null
      : recordGeneration(world, ticket, kernel, machine, problems);
  const defaultEntry = await makeDefault(world, ticket, kernel, other);
  // What is not found, or is another, is said already.
  const isSaid = ticket.trial.entryId !== null && (kernel === undefined || other !== undefined);
  if (defaultEntry.state === 'not-set' && !isSaid) problems.push(defaultEntry.reason);
  const history = historyPath(world.folders);
  const before = endOnRecord(readHistory(world).entries, ticket.id);
  const entry = before ?? confirmedEntry(ticket, endOf(defaultEntry), machine, world.nowMs());
  if (before === undefined) world.files.append(history, encodeHistoryEntry(entry));
  await attempt(problems, 'an earlier failure of this kernel could not be forgotten', async () => {
    const imageSha256 = ticket.trial.tried?.image.sha256 ?? digest;
    forgetFailedTrial(world, { release: ticket.toRelease, imageSha256 });
  });
  if (machine !== undefined)
    for (const path of [confirmedPath(world.folders), arrivedPath(world.folders)])
      world.files.write(path, `${ticket.id}\n`);
  problems.push(...(await announceTrialEnd(world, entry, announcer)));
  await beforeTicketGoes();
  removeTicket(world, ticket.id);
  return { entry, defaultEntry, problems };
}

function endOf(outcome: DefaultOutcome): NonNullable<SwitchHistoryEntry['trial']> {
  const detail =
    outcome.state === 'not-set'
      ? `confirmed; it does not start by itself: ${outcome.reason}`
      : 'confirmed; it starts by itself from now on';
  return { verdict: 'confirmed', cause: null, detail, phase: 'confirmed', returnMs: null };
}

/** The kernel as its entry describes it; one by a path as that is read, with the command line it was tried with. */
function findTrialKernel(world: GuardWorld, ticket: TrialTicket, problems: string[]): Kernel | undefined {
  const { entryId } = ticket.trial;
  try {
    const machine = world.readMachine();
    if (entryId === null)
      return {
        ...chooseKernel(world, machine, ticket.image),
        commandLine: withoutOneBoot(ticket.commandLine),
      };
    const kernel = readKernels(world, machine).kernels.find(({ id }) => id === entryId);
    if (kernel !== undefined) return kernel;
    problems.push(`${entryId} is no boot entry any more, so it is not recorded as known to be good`);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    problems.push(`the kernel is not recorded as known to be good: ${error.message}`);
  }
  return undefined;
}

/** Gives back the SHA-256 of the image. */
function recordGeneration(
  world: GuardWorld,
  ticket: TrialTicket,
  kernel: Kernel,
  machine: MachineFacts | undefined,
  problems: string[],
): string | null {
  const confirmedAtMs = ticket.trial.phases.findLast(({ phase }) => phase === 'confirmed')?.atMs;
  let generation: ReturnType<typeof generationOf>;
  try {
    generation = generationOf(
      { ...kernel, release: ticket.toRelease ?? kernel.release },
      ticket.trial.entryId,
      {
        confirmedAtMs: confirmedAtMs ?? world.nowMs(),
        bootId: (machine && valueOf(machine.bootId)) ?? null,
        version: machine && valueOf(machine.version),
      },
    );
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    problems.push(`the kernel is not recorded as known to be good: ${error.message}`);
    return null;
  }
  recordKnownGood(world, generation);
  return generation.files.find(({ path }) => path === kernel.image)?.sha256 ?? null;
}

async function makeDefault(
  world: GuardWorld,
  { trial }: TrialTicket,
  kernel: Kernel | undefined,
  other: string | undefined,
): Promise<DefaultOutcome> {
  if (trial.entryId === null)
    return { state: 'not-set', reason: 'a kernel that is no boot entry cannot become the default' };
  if (kernel === undefined) return { state: 'not-set', reason: `${trial.entryId} is no boot entry any more` };
  if (other !== undefined) return { state: 'not-set', reason: other };
  try {
    const { steps } = planDefaultEntry(await world.bootLoader.read(), kernel, bootLoaderOptions(world));
    if (steps.length === 0) return { state: 'already' };
    const [obstacle] = world.bootLoader.obstacles(steps);
    if (obstacle !== undefined) return { state: 'not-set', reason: obstacle };
    await world.bootLoader.apply(steps);
    return { state: 'set' };
  } catch (error) {
    const reason = `the boot loader's default could not be changed: ${(error as Error).message}`;
    return { state: 'not-set', reason };
  }
}
