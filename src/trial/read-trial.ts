/**
 * Where this kernel stands in a trial: the ticket, read together with the command line and the boot.
 * @module
 */
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { ticketPath } from '../switch/state-paths.ts';
import { decodeTicket, type Ticket, type TicketTrial } from '../switch/ticket.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { trialIdOn } from './trial-kernel.ts';

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
  /** A ticket that cannot be read; `isOnTrial`: by the kernel on trial. */
  | {
      readonly place: 'unreadable';
      readonly text: string;
      readonly reason: string;
      readonly isOnTrial: boolean;
    };

/** Never throws for damaged state. @throws what reading the disk throws */
export function readTrialPlace(world: SwitchWorld, machine: MachineFacts): TrialPlace {
  const path = ticketPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined) return { place: 'none' };
  const onTrial = trialIdOn(valueOf(machine.commandLine) ?? '');
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
