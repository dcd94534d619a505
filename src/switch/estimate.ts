/**
 * What this machine's past says of the next switch.
 * @module
 */
import type { ArrivalHistoryEntry, History, SwitchHistoryEntry } from './history.ts';

/** So many of the newest switches count: kernels and services change. */
const RECENT = 5;

/** What is expected of a switch, phase by phase; ms. */
export interface Estimate {
  readonly loadMs: number;
  readonly downMs: number;
  readonly upMs: number;
  /** Null when none of these switches was measured on its way up. */
  readonly wayUp: WayUpEstimate | null;
  /** How many switches of this machine it comes from. */
  readonly samples: number;
}

/** The way up, each point by those that were measured there: null where none was. */
export interface WayUpEstimate
  extends Pick<ArrivalHistoryEntry, 'initrdMs' | 'initMs' | 'service' | 'finishedMs'> {
  /** How many of the switches were measured. */
  readonly samples: number;
}

/** Only switches of the same kind say something about each other. */
export interface EstimateQuestion {
  readonly method: 'file' | 'segments';
  readonly optimisations: readonly string[];
}

/** What past switches of the same kind predict, or undefined without any. */
export function estimateFromHistory(history: History, question: EstimateQuestion): Estimate | undefined {
  const kind = [...question.optimisations].sort().join();
  const recent = arrivedSwitches(history)
    .filter(
      ({ method, optimisations }) => method === question.method && [...optimisations].sort().join() === kind,
    )
    .slice(-RECENT);
  if (recent.length === 0) return undefined;
  return {
    loadMs: median(recent.map((entry) => entry.loadMs)),
    downMs: median(recent.map((entry) => entry.downMs ?? 0)),
    upMs: median(recent.map((entry) => entry.upMs ?? 0)),
    wayUp: estimateWayUp(history, recent),
    samples: recent.length,
  };
}

/** From what was measured of these switches: it stands in entries of its own, by their ids. */
function estimateWayUp({ entries }: History, switches: readonly SwitchHistoryEntry[]): WayUpEstimate | null {
  const ids = new Set(switches.map(({ id }) => id));
  const measured = entries.filter(
    (entry): entry is ArrivalHistoryEntry => entry.kind === 'arrival' && ids.has(entry.id),
  );
  if (measured.length === 0) return null;
  return {
    initrdMs: medianOfKnown(measured.map(({ initrdMs }) => initrdMs)),
    initMs: medianOfKnown(measured.map(({ initMs }) => initMs)),
    service: estimateService(measured),
    finishedMs: medianOfKnown(measured.map(({ finishedMs }) => finishedMs)),
    samples: measured.length,
  };
}

/** Of the service that was chosen last: another one says nothing of it. */
function estimateService(measured: readonly ArrivalHistoryEntry[]): WayUpEstimate['service'] {
  const name = measured.at(-1)?.service?.name;
  if (name === undefined) return null;
  const answers = measured.flatMap(({ service }) => (service?.name === name ? [service.answeredMs] : []));
  return { name, answeredMs: medianOfKnown(answers) };
}

/** How often this machine was switched and came back on the kernel that was meant. */
export function countArrivals(history: History): number {
  return arrivedSwitches(history).length;
}

/** How long the way down usually took on this machine, ms; undefined before the first arrival. */
export function usualDownMs(history: History): number | undefined {
  const recent = arrivedSwitches(history)
    .flatMap(({ downMs }) => downMs ?? [])
    .slice(-RECENT);
  return recent.length === 0 ? undefined : median(recent);
}

function arrivedSwitches({ entries }: History): SwitchHistoryEntry[] {
  return entries.filter(
    (entry): entry is SwitchHistoryEntry => entry.kind === 'switch' && entry.outcome === 'arrived',
  );
}

function medianOfKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : median(known);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
