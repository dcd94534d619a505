/**
 * What the history says of a trial that is over.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { HistoryEntry, SwitchHistoryEntry, TrialEnd } from '../switch/history.ts';
import { HISTORY_VERSION } from '../switch/history.ts';
import type { Ticket } from '../switch/ticket.ts';

/** Longer is no duration of a switch: the clock was set, or the machine was off. */
const LONGEST_MS = 86_400_000;

/** Between two moments of the realtime clock, which may have been set between them: null when it cannot be so. */
export function plausibleMs(
  fromMs: number | null | undefined,
  toMs: number | null | undefined,
): number | null {
  if (fromMs === null || toMs === null || fromMs === undefined || toMs === undefined) return null;
  const ms = toMs - fromMs;
  return ms >= 0 && ms <= LONGEST_MS ? ms : null;
}

/** When the clock of the kernel that runs now began; undefined when that could not be read. */
function kernelStartMs(machine: MachineFacts, nowMs: number): number | undefined {
  const upMs = valueOf(machine.uptimeMs);
  return upMs === undefined ? undefined : nowMs - upMs;
}

/** The parts of an entry that the ticket knows. */
function entryOf(ticket: Ticket, trial: TrialEnd): Omit<SwitchHistoryEntry, keyof Arrival> {
  return {
    version: HISTORY_VERSION,
    kind: 'switch',
    id: ticket.id,
    atMs: ticket.requestedAtMs,
    method: ticket.method,
    optimisations: ticket.optimisations,
    shutdown: ticket.shutdown,
    fromRelease: ticket.fromRelease,
    toRelease: ticket.toRelease,
    image: ticket.image,
    trial,
    loadMs: plausibleMs(ticket.requestedAtMs, ticket.loadedAtMs) ?? 0,
  };
}

type Arrival = Pick<SwitchHistoryEntry, 'outcome' | 'arrivedRelease' | 'arrivedBootId' | 'downMs' | 'upMs'>;

/**
 * Of a trial that came home. Where the boot loader started the kernel that was to be tried, the machine is not home.
 */
export function returnedEntry(ticket: Ticket, trial: TrialEnd, machine: MachineFacts): SwitchHistoryEntry {
  const release = valueOf(machine.release) ?? null;
  const home = ticket.trial?.home.release ?? ticket.fromRelease;
  const isHome = release === null || release === home || release !== ticket.toRelease;
  return {
    ...entryOf(ticket, trial),
    outcome: isHome ? 'returned' : 'elsewhere',
    arrivedRelease: release,
    arrivedBootId: valueOf(machine.bootId) ?? null,
    downMs: null,
    upMs: null,
  };
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
  return {
    ...entryOf(ticket, trial),
    outcome: 'arrived',
    arrivedRelease: (machine && valueOf(machine.release)) ?? ticket.toRelease,
    arrivedBootId: (machine && valueOf(machine.bootId)) ?? null,
    downMs: machine === undefined ? null : plausibleMs(ticket.leftAtMs, kernelStartMs(machine, nowMs)),
    // Until the agent ran: how long somebody took to confirm says nothing of the next switch.
    upMs: agent?.upMs == null ? null : Math.max(0, agent.upMs),
  };
}

/** The entry of that trial's end, if it was written before. */
export function endOnRecord(entries: readonly HistoryEntry[], id: string): SwitchHistoryEntry | undefined {
  return entries.findLast(
    (entry): entry is SwitchHistoryEntry =>
      entry.kind === 'switch' && entry.id === id && entry.trial !== null && entry.trial !== undefined,
  );
}
