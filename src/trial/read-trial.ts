/**
 * Where this kernel stands in a trial: the ticket, read together with the command line and the boot.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { HistoryEntry } from '../switch/history.ts';
import { trialIdOn, wasConfirmed } from '../switch/on-trial.ts';
import { readHistory } from '../switch/read-history.ts';
import { ticketPath } from '../switch/state-paths.ts';
import { decodeTicket, type Ticket, type TicketTrial } from '../switch/ticket.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { endOnRecord } from './trial-entry.ts';
import { homeIdOn } from './trial-kernel.ts';

/** A ticket of a trial. */
export interface TrialTicket extends Ticket {
  readonly trial: TicketTrial;
}

/** What the ticket is to this kernel. */
export type TrialPlace =
  /** No ticket, or one of a switch without a trial. */
  | { readonly place: 'none' }
  /** This boot has written it: the way down is still going on, or never began. */
  | { readonly place: 'leaving'; readonly ticket: TrialTicket }
  /** This is the kernel on trial. */
  | { readonly place: 'on-trial'; readonly ticket: TrialTicket }
  /** Any other kernel: the trial is over, and not concluded yet. */
  | { readonly place: 'home'; readonly ticket: TrialTicket }
  /** A ticket that cannot be read, or is gone although its trial has no end on record. */
  | {
      readonly place: 'unreadable';
      /** Undefined when it is gone. */
      readonly text: string | undefined;
      readonly reason: string;
      /** Whether this is the kernel on trial. */
      readonly isOnTrial: boolean;
    };

/** Never throws for damaged state. @throws what reading the disk throws */
export function readTrialPlace(world: SwitchWorld, machine: MachineFacts): TrialPlace {
  const path = ticketPath(world.folders);
  const text = world.files.read(path);
  const onTrial = trialIdOn(valueOf(machine.commandLine) ?? '');
  if (text === undefined) return placeWithoutTicket(world, machine, path);
  let ticket: Ticket;
  try {
    ticket = decodeTicket(text, path);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { place: 'unreadable', text, reason: error.message, isOnTrial: onTrial !== undefined };
  }
  const { trial } = ticket;
  if (trial === null) return { place: 'none' };
  const bootId = valueOf(machine.bootId);
  // Without knowing which boot this is, nothing may be concluded.
  if (bootId === undefined || bootId === ticket.fromBootId)
    return { place: 'leaving', ticket: { ...ticket, trial } };
  return { place: onTrial === ticket.id ? 'on-trial' : 'home', ticket: { ...ticket, trial } };
}

/** Somebody has removed it: the command line still tells. */
function placeWithoutTicket(world: SwitchWorld, machine: MachineFacts, path: string): TrialPlace {
  const commandLine = valueOf(machine.commandLine) ?? '';
  const gone = { place: 'unreadable', text: undefined, reason: `${path} does not exist` } as const;
  const onTrial = trialIdOn(commandLine);
  if (onTrial !== undefined)
    return wasConfirmed(world, onTrial) ? { place: 'none' } : { ...gone, isOnTrial: true };
  const home = homeIdOn(commandLine);
  const { entries } = readHistory(world);
  return home === undefined || hasEnd(entries, home) ? { place: 'none' } : { ...gone, isOnTrial: false };
}

function hasEnd(entries: readonly HistoryEntry[], id: string): boolean {
  return (
    endOnRecord(entries, id) !== undefined ||
    entries.some((entry) => entry.kind === 'trial-lost' && entry.id === id)
  );
}
