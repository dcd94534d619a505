/**
 * Concluding a trial in the kernel that the machine came home to: run early in its boot by `khop arrive`. Everything is
 * written before the ticket goes, and each part is written once, so a power cut at any line leaves a trial that the next
 * boot concludes in the same way. In the kernel on trial nothing is concluded.
 * @module
 */
import { createHash } from 'node:crypto';
import { CRASH_OF_GUARDIAN } from '../guard/crash-hints.ts';
import { findCrash } from '../guard/crash-store.ts';
import { digestFiles } from '../guard/drift.ts';
import type { GuardWorld } from '../guard/world.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { type Reading, valueOf } from '../machine/reading.ts';
import { removeTicket } from '../switch/arrive.ts';
import {
  type CrashHistoryEntry,
  encodeHistoryEntry,
  HISTORY_VERSION,
  type HistoryEntry,
  type LostTrialEntry,
  type SwitchHistoryEntry,
} from '../switch/history.ts';
import { readHistory } from '../switch/read-history.ts';
import { historyPath, ticketPath } from '../switch/state-paths.ts';
import { plausibleMs } from '../switch/ticket-entry.ts';
import { type Announcer, announceTrialEnd } from './announce.ts';
import { askedShutdownPath, forgetAskedShutdown, readAskedShutdown } from './asked-shutdown.ts';
import { type FoundCause, findCause } from './cause.ts';
import { finishConfirmation } from './confirm.ts';
import { mayBeFaultOfKernel, rememberFailedTrial } from './failed-trials.ts';
import { asideOf } from './move-aside.ts';
import { readTrialPlace, type TrialTicket } from './read-trial.ts';
import { endOnRecord, returnedEntry } from './trial-entry.ts';
import { homeIdOn } from './trial-kernel.ts';
import { RETURN_WAYS } from './trial-words.ts';

/** What says why the machine was reset, if it was. */
export interface ResetEvidence {
  readonly watchdogReset: Reading<boolean>;
  readonly persistentRecords: Reading<readonly number[]>;
}

/** What became of the ticket. */
export type TrialConclusion =
  /** There is none, or none of a trial. */
  | { readonly state: 'none' }
  /** It is of this boot. */
  | { readonly state: 'leaving' }
  /** This is the kernel on trial: the ticket stays. `reason`: why it cannot be read. */
  | { readonly state: 'on-trial'; readonly reason: string | undefined }
  | { readonly state: 'returned'; readonly entry: SwitchHistoryEntry; readonly problems: readonly string[] }
  /** A confirmation that was cut short is finished. */
  | { readonly state: 'confirmed'; readonly entry: SwitchHistoryEntry; readonly problems: readonly string[] }
  /** It could not be read and was moved aside, or was gone. */
  | { readonly state: 'lost'; readonly entry: LostTrialEntry; readonly problems: readonly string[] };

/** To be called once crashes that led here are in the history. A second time it does nothing. */
export async function concludeTrial(
  world: GuardWorld,
  machine: MachineFacts,
  reset: ResetEvidence,
  announcer: Announcer,
): Promise<TrialConclusion> {
  const found = readTrialPlace(world, machine);
  switch (found.place) {
    case 'none':
    case 'leaving':
      return { state: found.place };
    case 'on-trial':
      return { state: 'on-trial', reason: undefined };
    case 'unreadable':
      if (found.isOnTrial) return { state: 'on-trial', reason: found.reason };
      return await loseTrial(world, machine, found, reset, announcer);
    case 'home':
      if (found.ticket.trial.phase === 'confirmed') {
        const { entry, problems } = await finishConfirmation(world, found.ticket, undefined, announcer);
        return { state: 'confirmed', entry, problems };
      }
      return await comeHome(world, machine, found.ticket, reset, announcer);
  }
}

async function comeHome(
  world: GuardWorld,
  machine: MachineFacts,
  ticket: TrialTicket,
  reset: ResetEvidence,
  announcer: Announcer,
): Promise<TrialConclusion> {
  const { entries } = readHistory(world);
  const crashes = crashesSince(entries, machine, ticket);
  const before = endOnRecord(entries, ticket.id);
  const found = causeOf(world, machine, ticket, crashes, reset);
  const entry = before ?? returnedEntry(ticket, endOf(world, ticket, found, crashes), machine);
  // What a reset has left behind is gone in a later boot: what was written then counts.
  const { cause, detail } = { ...found, ...causeOnRecord(before) };
  const problems: string[] = [];
  const attempt = (what: string, write: () => void): void => {
    try {
      write();
    } catch (error) {
      problems.push(`${what} cannot be written: ${(error as Error).message}`);
    }
  };
  const history = historyPath(world.folders);
  if (before === undefined) attempt(history, () => world.files.append(history, encodeHistoryEntry(entry)));
  if (mayBeFaultOfKernel(cause, ticket.step))
    attempt('the list of failed trials', () =>
      rememberFailedTrial(world, failedOf(world, ticket, { cause, detail })),
    );
  const isKept = problems.length === 0;
  problems.push(...(await announceTrialEnd(world, entry, announcer)));
  // What is not on record yet, the next boot concludes.
  if (isKept) {
    attempt(ticketPath(world.folders), () => removeTicket(world, ticket.id));
    attempt(askedShutdownPath(world.folders), () => forgetAskedShutdown(world));
  }
  return { state: 'returned', entry, problems };
}

/** Nothing where there is no entry. */
function causeOnRecord(
  before: SwitchHistoryEntry | undefined,
): { readonly cause: string; readonly detail: string } | undefined {
  const end = before?.trial;
  return end?.cause == null ? undefined : { cause: end.cause, detail: end.detail };
}

function causeOf(
  world: GuardWorld,
  machine: MachineFacts,
  ticket: TrialTicket | undefined,
  crashes: readonly CrashHistoryEntry[],
  reset: ResetEvidence,
): FoundCause {
  return findCause({
    ticket,
    commandLine: valueOf(machine.commandLine) ?? '',
    release: valueOf(machine.release),
    crashes,
    isCrashOfGuardian: isCrashOfGuardian(world, crashes.at(-1)),
    askedShutdown: ticket === undefined ? undefined : readAskedShutdown(world, ticket.id),
    ...reset,
  });
}

/** By its log. One that is gone, encrypted or unreadable tells nothing. */
function isCrashOfGuardian({ folders }: GuardWorld, crash: CrashHistoryEntry | undefined): boolean {
  if (crash === undefined) return false;
  try {
    return findCrash(folders.state, crash.id).report.hints.some(({ id }) => id === CRASH_OF_GUARDIAN);
  } catch {
    return false;
  }
}

/**
 * Crashes of the kernel on trial: behind the load that the trial began with. Their place in the file counts, since the
 * clock may have been set.
 */
function crashesSince(
  entries: readonly HistoryEntry[],
  machine: MachineFacts,
  ticket: TrialTicket,
): readonly CrashHistoryEntry[] {
  const load = entries.findLastIndex(
    (entry) => entry.kind === 'load' && entry.slot === 'normal' && entry.image === ticket.image,
  );
  const bootId = valueOf(machine.bootId);
  return entries.filter(
    (entry, index): entry is CrashHistoryEntry =>
      entry.kind === 'crash' &&
      (load < 0 ? entry.arrivedBootId === bootId : index > load) &&
      (entry.release === null || ticket.toRelease === null || entry.release === ticket.toRelease),
  );
}

function endOf(
  world: GuardWorld,
  ticket: TrialTicket,
  { cause, detail, phase }: FoundCause,
  crashes: readonly CrashHistoryEntry[],
): NonNullable<SwitchHistoryEntry['trial']> {
  const momentMs = ticket.trial.cause?.atMs ?? crashes.at(-1)?.atMs;
  const returnMs = plausibleMs(momentMs, world.nowMs());
  return { verdict: 'returned', cause, detail, phase, returnMs, ways: waysOf(ticket) };
}

/** Each once: `khop back` and the agent behind it may both begin with the first. */
function waysOf({ trial }: TrialTicket): string[] {
  const phases = new Set(trial.phases.map(({ phase }) => phase));
  return [...phases].filter((phase) => RETURN_WAYS.some((way) => way === phase));
}

function failedOf(
  world: GuardWorld,
  ticket: TrialTicket,
  { cause, detail }: { readonly cause: string; readonly detail: string },
) {
  return {
    id: ticket.id,
    release: ticket.toRelease,
    imageSha256: ticket.trial.tried?.image.sha256 ?? digestOf(ticket.image),
    title: ticket.toTitle,
    atMs: world.nowMs(),
    cause,
    detail,
  };
}

/** Null when the image is not there any more, or its disk is not. */
function digestOf(path: string): string | null {
  try {
    return digestFiles([path])[0]?.sha256 ?? null;
  } catch {
    return null;
  }
}

async function loseTrial(
  world: GuardWorld,
  machine: MachineFacts,
  { text, reason }: { readonly text: string | undefined; readonly reason: string },
  reset: ResetEvidence,
  announcer: Announcer,
): Promise<TrialConclusion> {
  const path = ticketPath(world.folders);
  const commandLine = valueOf(machine.commandLine) ?? '';
  const id = homeIdOn(commandLine) ?? null;
  const digest = createHash('sha256')
    .update(text ?? id ?? '')
    .digest('hex');
  const { entries } = readHistory(world);
  const bootId = valueOf(machine.bootId);
  const before = entries.find(
    (entry): entry is LostTrialEntry => entry.kind === 'trial-lost' && entry.digest === digest,
  );
  const crashes = entries.filter(
    (entry): entry is CrashHistoryEntry => entry.kind === 'crash' && entry.arrivedBootId === bootId,
  );
  const { cause, detail } = causeOf(world, machine, undefined, crashes, reset);
  const entry: LostTrialEntry = before ?? {
    version: HISTORY_VERSION,
    kind: 'trial-lost',
    id,
    atMs: world.nowMs(),
    reason,
    movedTo: text === undefined ? null : asideOf(path, world.nowMs()),
    digest,
    cause,
    detail,
    arrivedRelease: valueOf(machine.release) ?? null,
    arrivedBootId: bootId ?? null,
  };
  const problems: string[] = [];
  try {
    if (before === undefined) world.files.append(historyPath(world.folders), encodeHistoryEntry(entry));
    if (entry.movedTo !== null && world.files.read(path) === text) world.files.rename(path, entry.movedTo);
  } catch (error) {
    problems.push(`${path} cannot be moved aside: ${(error as Error).message}`);
  }
  problems.push(...(await announceTrialEnd(world, entry, announcer)));
  return { state: 'lost', entry, problems };
}
