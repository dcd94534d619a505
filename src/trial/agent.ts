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
import type { ErrorCode } from '../error-codes.ts';
import { valueOf } from '../machine/reading.ts';
import { trialIdOn } from '../switch/on-trial.ts';
import { ticketPath } from '../switch/state-paths.ts';
import { encodeTicket, type Ticket, type TicketTrial } from '../switch/ticket.ts';
import { type Decision, decisionNow, decisionOfOthers, isTicketGone, readTrialTicket } from './decision.ts';
import { sleepUnlessGoingDown, withShutdownAsked } from './going-down.ts';
import { Baseline } from './health/baseline.ts';
import type { AskingPhase, CheckResult } from './health/check.ts';
import { holdSysctls } from './hold-sysctls.ts';
import type { ReturnCause, TrialPhase } from './trial-words.ts';
import { whenFree } from './when-free.ts';
import type { TrialWorld } from './world.ts';

/** Phases that have checks, in their order, and which share of the whole time each may use up from the start. */
const CHECKED_PHASES = [
  { phase: 'system', share: 0.6 },
  { phase: 'network', share: 0.8 },
  { phase: 'services', share: 1 },
] as const;

const PAUSE_MS = 1000;
/** While checks pass and have to go on doing so, they are asked less often: scripts are among them. */
const STEADY_PAUSE_MS = 4000;
/** Between two looks at the system while somebody is to confirm. */
const WATCH_PAUSE_MS = 5000;
/** A round that takes long, on a slow machine or a busy one, is not to keep the start that it waits for from the processor. */
const PAUSE_PER_ROUND = 4;
const LONGEST_PAUSE_MS = 5000;
/** How long the confirmation waits at least for another khop, which lets go of its lock before the guardian acts. */
const BUSY_MS = 15_000;
/** Another khop is at work; the guardian has not ended, or nobody can say whether it has. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['E_BUSY', 'E_TIMEOUT', 'E_UNREADABLE']);

/** What ends a trial; see confirm.ts and go-home.ts. */
export interface AgentCalls {
  /** How long the checks of the services have to pass before they count. */
  readonly steadyMs: number;
  readonly runChecks: (
    baseline: Baseline,
    phase: AskingPhase,
    ticket: Ticket,
  ) => Promise<readonly CheckResult[]>;
  /** What is missing of the ways home; sees to it that the known-good kernel waits. See watch-net.ts. */
  readonly lookAtNet: (ticket: Ticket) => Promise<readonly string[]>;
  readonly confirm: (ticket: Ticket) => Promise<void>;
  /** Does not return on success. @param orderlyMs as somebody has said; undefined: as usual */
  readonly goHome: (
    cause: ReturnCause,
    detail: string,
    ticket: Ticket | undefined,
    orderlyMs?: number,
  ) => Promise<void>;
  /** For `khop trial`; a failure is nobody's concern. */
  readonly show: (state: AgentState) => void;
}

/** What `khop trial` shows of a running agent. */
export interface AgentState {
  readonly phase: TrialPhase;
  readonly upMs: number;
  readonly deadlineUpMs: number;
  readonly checks: readonly CheckResult[];
  /** What is missing of the ways home, in sentences. */
  readonly gaps: readonly string[];
  readonly note: string;
}

/** How the agent ended; `went-home` only where the way home was taken by others. `going-down`: see going-down.ts. */
export type AgentEnd = 'not-on-trial' | 'confirmed' | 'went-home' | 'going-down';

/** @throws what a failed way home throws: then the guardian's deadline is what is left */
export async function runAgent(world: TrialWorld, calls: AgentCalls): Promise<AgentEnd> {
  const id = trialIdOn(valueOf(world.readMachine().commandLine) ?? '');
  if (id === undefined) return 'not-on-trial';
  const read = readTrialTicket(world, id);
  if (read.state === 'concluded') return 'not-on-trial';
  tellGuardian(world, 'checkedIn');
  if (read.state !== 'read') {
    await calls.goHome('ticket', read.reason, undefined);
    return 'went-home';
  }
  return await leadThrough(world, calls, read.ticket, read.trial);
}

/** A guardian that is gone is no reason to end as well: without an agent nobody would be left. */
function tellGuardian(world: TrialWorld, message: 'checkedIn' | 'leaving'): void {
  const guardian = valueOf(world.guardian.find());
  if (guardian === undefined) {
    world.remark('No guardian runs: if this agent dies, only a watchdog goes home.');
    return;
  }
  try {
    world.guardian.tell(guardian, message);
  } catch (error) {
    world.remark((error as Error).message);
  }
}

/** From the first phase to the end. */
async function leadThrough(
  world: TrialWorld,
  calls: AgentCalls,
  first: Ticket,
  { deadlineSeconds, needsConfirm, confirmSeconds, baseline: taken }: TicketTrial,
): Promise<AgentEnd> {
  let ticket = first;
  const enter = async (phase: TrialPhase): Promise<void> => {
    ticket = withPhase(ticket, phase, { atMs: world.nowMs(), upMs: world.uptimeMs() });
    await whenFree(world, world.sleep, () => {
      // What others have decided while the last checks were weighed stays, and is found by who looks next.
      if (decisionOfOthers(world, ticket.id) !== undefined) return;
      // Here, since a confirmation under the same lock sets them back.
      holdSysctls(world);
      writeIfPossible(world, ticket);
    });
  };
  const leave = async (cause: ReturnCause, detail: string, orderlyMs?: number): Promise<AgentEnd> => {
    try {
      await calls.goHome(cause, detail, ticket, orderlyMs);
      return 'went-home';
    } catch (error) {
      // Somebody was faster, and this kernel stays.
      const decision = decisionOfOthers(world, ticket.id);
      if (decision?.state !== 'confirmed' && decision?.state !== 'concluded') throw error;
      world.remark((error as Error).message);
      return await follow(decision);
    }
  };
  const follow = async (decision: Decision): Promise<AgentEnd> => {
    if (decision.state === 'concluded') return 'confirmed';
    // Who has decided may not live to see it through: the way down ends the session of `khop back` first.
    if (decision.state === 'returning')
      return await leave(decision.cause, decision.detail, decision.orderlyMs);
    if (decision.state === 'going-down') {
      const others = await noteGoingDown(world, ticket);
      return others === undefined ? 'going-down' : await follow(others);
    }
    return await confirm(world, calls, ticket, { deadlineUpMs: deadlineSeconds * 1000, follow, leave });
  };
  const before = decisionOfOthers(world, ticket.id);
  if (before !== undefined) return await follow(before);
  const parsed = v.safeParse(Baseline, taken);
  if (!parsed.success) return await leave('ticket', 'the ticket does not tell how the machine was before');
  const baseline = parsed.output;
  // An agent before this one has proven everything: asked again, past its deadline, one that waits a moment is sent home.
  const checked = ticket.trial?.phase === 'proof' ? [] : CHECKED_PHASES;
  for (const { phase, share } of checked) {
    await enter(phase);
    const deadlineUpMs = deadlineSeconds * share * 1000;
    const outcome = await prove(world, calls, { baseline, phase, ticket, deadlineUpMs });
    if (outcome.state === 'failed') return await leave(outcome.cause, outcome.detail);
    if (outcome.state === 'decided') return await follow(outcome.decision);
  }
  if (!needsConfirm) return await follow({ state: 'confirmed' });
  // The guardian counts from the kernel's start, so a new agent does not begin anew.
  const sinceUpMs = provenUpMs(ticket) ?? world.uptimeMs();
  if (checked.length > 0) await enter('proof');
  const deadlineUpMs = sinceUpMs + (confirmSeconds ?? 0) * 1000;
  const decision = await waitForDecision(world, calls, { baseline, ticket, deadlineUpMs });
  if (decision !== undefined) return await follow(decision);
  return await leave('unconfirmed', `nobody confirmed within ${confirmSeconds ?? 0} s`);
}

/** Leaves the rest to the shutdown, and to the guardian. What others have decided just before it is to be followed. */
async function noteGoingDown(world: TrialWorld, ticket: Ticket): Promise<Decision | undefined> {
  let others: Decision | undefined;
  if (await world.units.isSoftReboot()) {
    world.remark(
      'Services start anew (soft reboot): nothing is made of what stops, and the trial goes on then.',
    );
    return undefined;
  }
  await whenFree(world, world.sleep, () => {
    others = decisionOfOthers(world, ticket.id);
    if (others === undefined)
      writeIfPossible(world, withShutdownAsked(ticket, { atMs: world.nowMs(), upMs: world.uptimeMs() }));
  });
  if (others !== undefined && !isTicketGone(others)) return others;
  world.remark('The system goes down, as something has asked it to: nothing is made of what stops.');
  // systemd (256+) starts the known-good kernel, which waits, at a reboot.
  tellGuardian(world, 'leaving');
  return undefined;
}

/** When everything was proven, where an earlier agent of this boot wrote that down. */
function provenUpMs({ trial }: Ticket): number | undefined {
  if (trial?.phase !== 'proof') return undefined;
  return trial.phases.find(({ phase }) => phase === 'proof')?.upMs ?? undefined;
}

/** How a confirmation that does not succeed goes on. */
interface ConfirmWays {
  readonly deadlineUpMs: number;
  readonly follow: (decision: Decision) => Promise<AgentEnd>;
  readonly leave: (cause: ReturnCause, detail: string) => Promise<AgentEnd>;
}

/** Confirms, or finishes what was begun. Once the decision is on the disk nothing leads home any more. */
async function confirm(
  world: TrialWorld,
  calls: AgentCalls,
  ticket: Ticket,
  { deadlineUpMs, follow, leave }: ConfirmWays,
): Promise<AgentEnd> {
  const untilUpMs = Math.max(deadlineUpMs, world.uptimeMs() + BUSY_MS);
  for (;;) {
    try {
      await calls.confirm(ticket);
      return 'confirmed';
    } catch (error) {
      world.signal.throwIfAborted();
      const decision = await decisionNow(world, ticket.id);
      if (decision !== undefined && decision.state !== 'confirmed') return await follow(decision);
      const mayPass = error instanceof KhopError && PASSING.has(error.code);
      if (!mayPass || world.uptimeMs() >= untilUpMs) {
        const reason = (error as Error).message;
        if (decision === undefined)
          return await leave('unhealthy', `the confirmation could not be recorded: ${reason}`);
        world.remark(`Confirmed, and the next start finishes what could not be done now: ${reason}`);
        return 'confirmed';
      }
      await world.sleep(PAUSE_MS);
    }
  }
}

type Proof =
  | { readonly state: 'passed' }
  | { readonly state: 'decided'; readonly decision: Decision }
  | { readonly state: 'failed'; readonly cause: ReturnCause; readonly detail: string };

/**
 * Asks again and again until nothing that is required waits any more; what serves others has to for a while, since many
 * a service dies some seconds after it said that it was ready.
 */
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
  const steadyMs = phase === 'services' ? calls.steadyMs : 0;
  let goodSinceUpMs: number | undefined;
  for (;;) {
    const beganUpMs = world.uptimeMs();
    const checks = await calls.runChecks(baseline, phase, ticket);
    // Before anything is made of them: on a way down, services fail because they are stopped.
    const askedUpMs = world.uptimeMs();
    const decision = await decisionNow(world, ticket.id);
    if (decision !== undefined) return { state: 'decided', decision };
    const lookMs = world.uptimeMs() - askedUpMs;
    const gaps = await calls.lookAtNet(ticket);
    const required = checks.filter(({ isRequired }) => isRequired);
    const failed = required.filter(({ state }) => state === 'failed');
    const waiting = required.filter(({ state }) => state === 'waiting');
    const upMs = world.uptimeMs();
    goodSinceUpMs = waiting.length === 0 ? (goodSinceUpMs ?? upMs) : undefined;
    const isSteady = goodSinceUpMs !== undefined && upMs - goodSinceUpMs >= steadyMs;
    const note =
      waiting.length === 0 && !isSteady
        ? `all required checks passed, and have to for ${steadyMs / 1000} s`
        : describeWaiting(waiting);
    calls.show({ phase, upMs, deadlineUpMs, checks, gaps, note });
    if (failed.length > 0) return { state: 'failed', cause: 'unhealthy', detail: sentenceOf(failed) };
    if (isSteady) return { state: 'passed' };
    // What is well by then may still show that it stays so, for which the guardian has patience; once it waits again, it is over.
    if (upMs >= deadlineUpMs && waiting.length > 0)
      return {
        state: 'failed',
        cause: 'deadline',
        detail: `after ${Math.round(upMs / 1000)} s still: ${sentenceOf(waiting)}`,
      };
    const leastMs = waiting.length === 0 ? STEADY_PAUSE_MS : PAUSE_MS;
    const untilUpMs = goodSinceUpMs === undefined ? deadlineUpMs : goodSinceUpMs + steadyMs;
    const pauseMs = pauseAfter(world.uptimeMs() - beganUpMs, { leastMs, leftMs: untilUpMs - upMs });
    const isDown = await sleepUnlessGoingDown(world, pauseMs, lookMs);
    if (isDown) return { state: 'decided', decision: { state: 'going-down' } };
    world.signal.throwIfAborted();
  }
}

/** The last round is to be when the time is over, not behind it. */
function pauseAfter(
  roundMs: number,
  { leastMs, leftMs }: { readonly leastMs: number; readonly leftMs: number },
): number {
  const wantedMs = Math.max(leastMs, Math.min(roundMs * PAUSE_PER_ROUND, LONGEST_PAUSE_MS));
  return Math.max(PAUSE_MS, Math.min(wantedMs, leftMs));
}

function sentenceOf(checks: readonly CheckResult[]): string {
  return checks.map(({ id, detail }) => `${id}: ${detail}`).join('; ');
}

function describeWaiting(waiting: readonly CheckResult[]): string {
  return waiting.length === 0 ? 'all required checks passed' : `waiting for ${sentenceOf(waiting)}`;
}

/**
 * `khop confirm` is another process. Meanwhile a check that fails for good leads home; one that waits may be what the person
 * who is to confirm has stopped. Undefined when nobody has decided until the deadline.
 */
async function waitForDecision(
  world: TrialWorld,
  calls: AgentCalls,
  question: { readonly baseline: Baseline; readonly ticket: Ticket; readonly deadlineUpMs: number },
): Promise<Decision | undefined> {
  const { baseline, ticket, deadlineUpMs } = question;
  let checks: readonly CheckResult[] = [];
  let checkedUpMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const isDue = world.uptimeMs() - checkedUpMs >= WATCH_PAUSE_MS;
    if (isDue) checks = await calls.runChecks(baseline, 'proof', ticket);
    const askedUpMs = world.uptimeMs();
    const decision = await decisionNow(world, ticket.id);
    if (decision !== undefined) return decision;
    const lookMs = world.uptimeMs() - askedUpMs;
    const gaps = await calls.lookAtNet(ticket);
    const upMs = world.uptimeMs();
    if (isDue) checkedUpMs = upMs;
    calls.show({ phase: 'proof', upMs, deadlineUpMs, checks, gaps, note: 'waiting for: khop confirm' });
    const failed = checks.filter(({ isRequired, state }) => isRequired && state === 'failed');
    if (failed.length > 0) return { state: 'returning', cause: 'unhealthy', detail: sentenceOf(failed) };
    if (upMs >= deadlineUpMs) return undefined;
    await world.sleep(pauseAfter(lookMs, { leastMs: PAUSE_MS, leftMs: deadlineUpMs - upMs }));
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
