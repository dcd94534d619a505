/**
 * What the agent of a trial finds decided: by others, in the ticket, or by who asked the system to go down.
 * @module
 */
import { wasConfirmed } from '../switch/on-trial.ts';
import { ticketPath } from '../switch/state-paths.ts';
import { decodeTicket, type Ticket, type TicketTrial } from '../switch/ticket.ts';
import { isGoingDown } from './going-down.ts';
import { RETURN_CAUSES, type ReturnCause } from './trial-words.ts';
import type { TrialWorld } from './world.ts';

/** What the kernel on trial finds of its ticket. */
type TicketReading =
  | { readonly state: 'read'; readonly ticket: Ticket; readonly trial: TicketTrial }
  | { readonly state: 'unreadable'; readonly reason: string }
  | { readonly state: 'missing'; readonly reason: string }
  /** This boot's trial is over: it was confirmed. */
  | { readonly state: 'concluded' };

export function readTrialTicket(world: TrialWorld, id: string): TicketReading {
  const path = ticketPath(world.folders);
  try {
    const text = world.files.read(path);
    if (text === undefined)
      return wasConfirmed(world, id)
        ? { state: 'concluded' }
        : { state: 'missing', reason: `${path} does not exist` };
    const ticket = decodeTicket(text, path);
    if (ticket.id !== id)
      return wasConfirmed(world, id)
        ? { state: 'concluded' }
        : { state: 'unreadable', reason: `${path} is of another switch (${ticket.id}, not ${id})` };
    if (ticket.trial === null) return { state: 'unreadable', reason: `${path} tells of no trial` };
    return { state: 'read', ticket, trial: ticket.trial };
  } catch (error) {
    return { state: 'unreadable', reason: (error as Error).message };
  }
}

/** What is to be followed. */
export type Decision =
  | { readonly state: 'concluded' }
  | { readonly state: 'confirmed' }
  /** Somebody has asked the system to. */
  | { readonly state: 'going-down' }
  | {
      readonly state: 'returning';
      readonly cause: ReturnCause;
      readonly detail: string;
      /** How long services have to stop, where that was said; see go-home.ts. */
      readonly orderlyMs?: number | undefined;
    };

/**
 * What others have decided: a person with `khop confirm` or `khop back`, or an agent that did not live to see it
 * through. Who removed the ticket has taken away what the trial is concluded from, and nobody could prove it any more. One
 * that cannot be read says nothing, and the trial goes on as it was.
 */
export function decisionOfOthers(world: TrialWorld, id: string): Decision | undefined {
  const read = readTrialTicket(world, id);
  if (read.state === 'concluded') return { state: 'concluded' };
  if (read.state === 'unreadable') return undefined;
  if (read.state === 'missing')
    return { state: 'returning', cause: 'ticket', detail: `the ticket is gone: ${read.reason}` };
  const { phase, cause } = read.trial;
  if (phase === 'confirmed') return { state: 'confirmed' };
  if (phase !== 'returning') return undefined;
  const kind = RETURN_CAUSES.find((known) => known === cause?.kind) ?? 'asked';
  const detail = cause?.detail ?? 'this kernel is on its way home';
  return { state: 'returning', cause: kind, detail, orderlyMs: cause?.orderlyMs };
}

/** As `decisionOfOthers`, and what systemd says. A ticket that is gone on the way down is on a file system that was unmounted. */
export async function decisionNow(world: TrialWorld, id: string): Promise<Decision | undefined> {
  const decision = decisionOfOthers(world, id);
  if (decision !== undefined && !isTicketGone(decision)) return decision;
  return (await isGoingDown(world)) ? { state: 'going-down' } : decision;
}

export function isTicketGone(decision: Decision): boolean {
  return decision.state === 'returning' && decision.cause === 'ticket';
}
