/**
 * What the history says of a trial that is over.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { HistoryEntry, SwitchHistoryEntry, TrialEnd } from '../switch/history.ts';
import type { Ticket } from '../switch/ticket.ts';
import { entryOfTicket, plausibleMs } from '../switch/ticket-entry.ts';

/** When the clock of the kernel that runs now began; undefined when that could not be read. */
function kernelStartMs(machine: MachineFacts, nowMs: number): number | undefined {
  const upMs = valueOf(machine.uptimeMs);
  return upMs === undefined ? undefined : nowMs - upMs;
}

/**
 * Of a trial that came home. Where the boot loader started the kernel that was to be tried, the machine is not home.
 */
export function returnedEntry(ticket: Ticket, trial: TrialEnd, machine: MachineFacts): SwitchHistoryEntry {
  const release = valueOf(machine.release) ?? null;
  const home = ticket.trial?.home.release ?? ticket.fromRelease;
  const isHome = release === null || release === home || release !== ticket.toRelease;
  return entryOfTicket(ticket, {
    trial,
    outcome: isHome ? 'returned' : 'elsewhere',
    arrivedRelease: release,
    arrivedBootId: valueOf(machine.bootId) ?? null,
    downMs: null,
    upMs: null,
  });
}

/**
 * Of a trial that was confirmed.
 * @param machine undefined when a later boot than the confirmed one writes it
 */
export function confirmedEntry(
  ticket: Ticket,
  trial: TrialEnd,
  machine: MachineFacts | undefined,
  nowMs: number,
): SwitchHistoryEntry {
  const agent = ticket.trial?.phases.find(({ phase }) => phase === 'system');
  return entryOfTicket(ticket, {
    trial,
    outcome: 'arrived',
    arrivedRelease: (machine && valueOf(machine.release)) ?? ticket.toRelease,
    arrivedBootId: (machine && valueOf(machine.bootId)) ?? null,
    downMs: machine === undefined ? null : plausibleMs(ticket.leftAtMs, kernelStartMs(machine, nowMs)),
    // Until the agent ran: how long somebody took to confirm says nothing of the next switch.
    upMs: agent?.upMs == null ? null : Math.max(0, agent.upMs),
  });
}

/** The entry of that trial's end, if it was written before. */
export function endOnRecord(entries: readonly HistoryEntry[], id: string): SwitchHistoryEntry | undefined {
  return entries.findLast(
    (entry): entry is SwitchHistoryEntry =>
      entry.kind === 'switch' && entry.id === id && entry.trial !== null && entry.trial !== undefined,
  );
}
