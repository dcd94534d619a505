/**
 * The way up after a switch, measured once systemd is done with it: when init began, when the default target
 * was reached, when the chosen service was there, and what took longest.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../error.ts';
import type { BootTimes } from '../machine/boot-times.ts';
import { valueOf } from '../machine/reading.ts';
import {
  type ArrivalHistoryEntry,
  encodeHistoryEntry,
  HISTORY_VERSION,
  type SwitchHistoryEntry,
} from './history.ts';
import { readHistory } from './read-history.ts';
import { historyPath } from './state-paths.ts';
import type { SwitchWorld } from './world.ts';

const POLL_MS = 500;
const SLOWEST = 5;

/**
 * Waits until systemd is done, and adds what it says to the history.
 * @returns undefined when no switch led to this boot, or it was measured already
 * @throws E_TIMEOUT when the default target is not reached in time; E_CHILD
 */
export async function measureArrival(
  world: SwitchWorld,
  readTimes: (signal: AbortSignal) => Promise<BootTimes>,
  timeoutMs: number,
): Promise<ArrivalHistoryEntry | undefined> {
  const arrival = unmeasuredArrival(world);
  if (arrival === undefined) return undefined;
  const times = await waitUntilFinished(world, readTimes, timeoutMs);
  const entry: ArrivalHistoryEntry = {
    version: HISTORY_VERSION,
    kind: 'arrival',
    id: arrival.id,
    atMs: world.nowMs(),
    initrdMs: times.initrdMs ?? null,
    initMs: times.initMs ?? null,
    finishedMs: times.finishedMs ?? null,
    service: chosenService(world.configuration.service, times),
    slowest: times.services.slice(0, SLOWEST).map(({ unit, tookMs }) => ({ unit, tookMs })),
  };
  world.files.append(historyPath(world.folders), encodeHistoryEntry(entry));
  return entry;
}

/** The switch that led to this boot, unless its way up is on record. */
function unmeasuredArrival(world: SwitchWorld): SwitchHistoryEntry | undefined {
  const bootId = valueOf(world.readMachine().bootId);
  const { entries } = readHistory(world);
  const arrival = entries.findLast(
    (entry): entry is SwitchHistoryEntry => entry.kind === 'switch' && entry.outcome === 'arrived',
  );
  if (arrival === undefined || bootId === undefined || arrival.arrivedBootId !== bootId) return undefined;
  const isMeasured = entries.some((entry) => entry.kind === 'arrival' && entry.id === arrival.id);
  return isMeasured ? undefined : arrival;
}

async function waitUntilFinished(
  world: SwitchWorld,
  readTimes: (signal: AbortSignal) => Promise<BootTimes>,
  timeoutMs: number,
): Promise<BootTimes> {
  const deadlineMs = world.nowMs() + timeoutMs;
  for (;;) {
    const times = await readTimes(world.signal);
    if (times.finishedMs !== undefined) return times;
    if (world.nowMs() >= deadlineMs)
      throw new KhopError('E_TIMEOUT', `systemd was not done with starting within ${timeoutMs / 1000} s`, {
        hint: '`systemctl list-jobs` shows what it waits for.',
      });
    await sleep(POLL_MS, undefined, { signal: world.signal });
  }
}

function chosenService(unit: string, { services }: BootTimes): ArrivalHistoryEntry['service'] {
  if (unit === '') return null;
  const name = unit.includes('.') ? unit : `${unit}.service`;
  return { name, answeredMs: services.find((service) => service.unit === name)?.activeMs ?? null };
}
