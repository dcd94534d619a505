/**
 * What the history says of a switch and its ticket knows, however the switch ended.
 * @module
 */
import { addedParameters } from './added-parameters.ts';
import { HISTORY_VERSION, type SwitchHistoryEntry } from './history.ts';
import type { Ticket } from './ticket.ts';

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

/** What only the end of a switch tells. */
export type SwitchEnd = Pick<
  SwitchHistoryEntry,
  'outcome' | 'trial' | 'arrivedRelease' | 'arrivedBootId' | 'downMs' | 'upMs'
>;

/** The whole entry. */
export function entryOfTicket(ticket: Ticket, end: SwitchEnd): SwitchHistoryEntry {
  return {
    version: HISTORY_VERSION,
    kind: 'switch',
    id: ticket.id,
    atMs: ticket.requestedAtMs,
    method: ticket.method,
    optimisations: ticket.optimisations,
    added: addedParameters(ticket.commandLine),
    shutdown: ticket.shutdown,
    fromRelease: ticket.fromRelease,
    toRelease: ticket.toRelease,
    image: ticket.image,
    loadMs: plausibleMs(ticket.requestedAtMs, ticket.loadedAtMs) ?? 0,
    ...end,
  };
}
