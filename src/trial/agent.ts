/**
 * The agent of a trial: it runs in the kernel on trial from as early as the system allows, leads it from phase to
 * phase, and ends it: confirmed, or on the way home.
 *
 * What it may rely on is little. The ticket may be unreadable, the disk full, the clock wrong: time is counted from
 * the kernel's start, what cannot be read counts as unsafe, and what cannot be written is kept in memory until it
 * has to be written, which is at the confirmation. If the agent dies, the guardian goes home at its deadline.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import { valueOf } from '../machine/reading.ts';
import { readHistory } from '../switch/read-history.ts';
import { ticketPath } from '../switch/state-paths.ts';
import { decodeTicket, encodeTicket, type Ticket, type TicketTrial } from '../switch/ticket.ts';
import { Baseline } from './health/baseline.ts';
import type { CheckResult } from './health/check.ts';
import { trialIdOn } from './trial-kernel.ts';
import type { ReturnCause, TrialPhase } from './trial-words.ts';
import type { TrialWorld } from './world.ts';

/** Phases that have checks, in their order, and which share of the whole time each may use up from the start. */
const CHECKED_PHASES = [
  { phase: 'system', share: 0.6 },
  { phase: 'network', share: 0.8 },
  { phase: 'services', share: 1 },
] as const;

const PAUSE_MS = 1000;

/** What the first act was to load and is not there: which ways home are missing is worth knowing. */
function gapsOf(world: TrialWorld): string[] {
  const { loaded, crashLoaded } = world.readMachine().kexec;
  return [
    ...(valueOf(loaded) === true
      ? []
      : ['The known-good kernel is not loaded: home leads through the firmware.']),
    ...(valueOf(crashLoaded) === true
      ? []
      : ['No panic kernel is loaded: a panic leads through the firmware.']),
  ];
}

/** What ends a trial; see confirm.ts and go-home.ts. */
export interface AgentCalls {
  readonly runChecks: (
    baseline: Baseline,
    phase: (typeof CHECKED_PHASES)[number]['phase'],
    ticket: Ticket,
  ) => Promise<readonly CheckResult[]>;
  readonly confirm: (ticket: Ticket) => Promise<void>;
  /** Does not return on success. */
  readonly goHome: (cause: ReturnCause, detail: string, ticket: Ticket | undefined) => Promise<void>;
  /** For `khop trial`; a failure is nobody's concern. */
  readonly show: (state: AgentState) => void;
}

/** What `khop trial` shows of a running agent. */
export interface AgentState {
  readonly phase: TrialPhase;
  readonly upMs: number;
  readonly deadlineUpMs: number;
  readonly checks: readonly CheckResult[];
  readonly note: string;
}

/** How the agent ended; `went-home` only where the way home was taken by others. */
export type AgentEnd = 'not-on-trial' | 'confirmed' | 'went-home';

/** @throws what a failed way home throws: then the guardian's deadline is what is left */
export async function runAgent(world: TrialWorld, calls: AgentCalls): Promise<AgentEnd> {
  const id = trialIdOn(valueOf(world.readMachine().commandLine) ?? '');
  if (id === undefined) return 'not-on-trial';
  const guardian = valueOf(world.guardian.find());
  const read = readTrialTicket(world, id);
  if (read.state === 'concluded') return 'not-on-trial';
  if (guardian !== undefined) world.guardian.tell(guardian, 'checkedIn');
  else world.remark('No guardian runs: if this agent dies, only a watchdog goes home.');
  if (read.state === 'unreadable') {
    await calls.goHome('ticket', read.reason, undefined);
    return 'went-home';
  }
  return await leadThrough(world, calls, read.ticket, read.trial);
}

/** What the kernel on trial finds of its ticket. */
type TicketReading =
  | { readonly state: 'read'; readonly ticket: Ticket; readonly trial: TicketTrial }
  | { readonly state: 'unreadable'; readonly reason: string }
  /** This boot's trial is over: it was confirmed. */
  | { readonly state: 'concluded' };

function readTrialTicket(world: TrialWorld, id: string): TicketReading {
  const path = ticketPath(world.folders);
  try {
    const text = world.files.read(path);
    if (text === undefined)
      return isConfirmed(world, id)
        ? { state: 'concluded' }
        : { state: 'unreadable', reason: `${path} does not exist` };
    const ticket = decodeTicket(text, path);
    if (ticket.id !== id)
      return { state: 'unreadable', reason: `${path} is of another switch (${ticket.id}, not ${id})` };
    if (ticket.trial === null) return { state: 'unreadable', reason: `${path} tells of no trial` };
    return { state: 'read', ticket, trial: ticket.trial };
  } catch (error) {
    return { state: 'unreadable', reason: (error as Error).message };
  }
}

function isConfirmed(world: TrialWorld, id: string): boolean {
  return readHistory(world).entries.some(
    (entry) => entry.kind === 'switch' && entry.id === id && entry.trial?.verdict === 'confirmed',
  );
}

/** From the first phase to the end. */
async function leadThrough(
  world: TrialWorld,
  calls: AgentCalls,
  first: Ticket,
  { deadlineSeconds, needsConfirm, confirmSeconds, baseline: taken }: TicketTrial,
): Promise<AgentEnd> {
  let ticket = first;
  const enter = (phase: TrialPhase): void => {
    ticket = withPhase(ticket, phase, { atMs: world.nowMs(), upMs: world.uptimeMs() });
    writeIfPossible(world, ticket);
  };
  const leave = async (cause: ReturnCause, detail: string): Promise<AgentEnd> => {
    await calls.goHome(cause, detail, ticket);
    return 'went-home';
  };
  const parsed = v.safeParse(Baseline, taken);
  if (!parsed.success) return await leave('ticket', 'the ticket does not tell how the machine was before');
  const baseline = parsed.output;
  for (const line of gapsOf(world)) world.remark(line);
  for (const { phase, share } of CHECKED_PHASES) {
    enter(phase);
    const deadlineUpMs = deadlineSeconds * share * 1000;
    const outcome = await prove(world, calls, { baseline, phase, ticket, deadlineUpMs });
    if (outcome.state === 'failed') return await leave(outcome.cause, outcome.detail);
  }
  if (needsConfirm) {
    enter('proof');
    const deadlineUpMs = world.uptimeMs() + (confirmSeconds ?? 0) * 1000;
    const wasConfirmed = await waitForConfirmation(world, calls, ticket.id, deadlineUpMs);
    if (wasConfirmed) return 'confirmed';
    return await leave('unconfirmed', `nobody confirmed within ${confirmSeconds ?? 0} s`);
  }
  try {
    await calls.confirm(ticket);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return await leave('unhealthy', `the confirmation could not be recorded: ${error.message}`);
  }
  return 'confirmed';
}

type Proof =
  | { readonly state: 'passed' }
  | { readonly state: 'failed'; readonly cause: ReturnCause; readonly detail: string };

/** Asks again and again until nothing that is required waits any more. */
async function prove(
  world: TrialWorld,
  calls: AgentCalls,
  question: {
    readonly baseline: Baseline;
    readonly phase: (typeof CHECKED_PHASES)[number]['phase'];
    readonly ticket: Ticket;
    readonly deadlineUpMs: number;
  },
): Promise<Proof> {
  const { baseline, phase, ticket, deadlineUpMs } = question;
  for (;;) {
    const checks = await calls.runChecks(baseline, phase, ticket);
    const required = checks.filter(({ isRequired }) => isRequired);
    const failed = required.filter(({ state }) => state === 'failed');
    const waiting = required.filter(({ state }) => state === 'waiting');
    const upMs = world.uptimeMs();
    calls.show({ phase, upMs, deadlineUpMs, checks, note: describeWaiting(waiting) });
    if (failed.length > 0) return { state: 'failed', cause: 'unhealthy', detail: sentenceOf(failed) };
    if (waiting.length === 0) return { state: 'passed' };
    if (upMs >= deadlineUpMs)
      return {
        state: 'failed',
        cause: 'deadline',
        detail: `after ${Math.round(upMs / 1000)} s still: ${sentenceOf(waiting)}`,
      };
    await world.sleep(PAUSE_MS);
    world.signal.throwIfAborted();
  }
}

function sentenceOf(checks: readonly CheckResult[]): string {
  return checks.map(({ id, detail }) => `${id}: ${detail}`).join('; ');
}

function describeWaiting(waiting: readonly CheckResult[]): string {
  return waiting.length === 0 ? 'all required checks passed' : `waiting for ${sentenceOf(waiting)}`;
}

/** `khop confirm` is another process: it removes the ticket when it is done. */
async function waitForConfirmation(
  world: TrialWorld,
  calls: AgentCalls,
  id: string,
  deadlineUpMs: number,
): Promise<boolean> {
  for (;;) {
    if (readTrialTicket(world, id).state === 'concluded') return true;
    const upMs = world.uptimeMs();
    calls.show({ phase: 'proof', upMs, deadlineUpMs, checks: [], note: 'waiting for: khop confirm' });
    if (upMs >= deadlineUpMs) return false;
    await world.sleep(PAUSE_MS);
    world.signal.throwIfAborted();
  }
}

/** The ticket, one phase further. */
function withPhase(
  ticket: Ticket,
  phase: TrialPhase,
  { atMs, upMs }: { readonly atMs: number; readonly upMs: number },
): Ticket {
  if (ticket.trial === null) return ticket;
  const phases = [...ticket.trial.phases, { phase, atMs, upMs }];
  return { ...ticket, trial: { ...ticket.trial, phase, phases } };
}

/** A disk that is full now may have room later; how far the trial is, is only worth a line then. */
function writeIfPossible(world: TrialWorld, ticket: Ticket): void {
  try {
    world.files.write(ticketPath(world.folders), encodeTicket(ticket));
  } catch (error) {
    world.remark(`The phase cannot be recorded: ${(error as Error).message}`);
  }
}
