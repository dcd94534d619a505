/**
 * A crash that somebody asked for (`khop guard test`), /var/lib/khop/asked-crash.json: written just before it, so that the
 * kernel that comes home knows that it is no part of a loop.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { CrashHistoryEntry, History } from '../switch/history.ts';
import { decodeState } from '../switch/ticket.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { guardReturnOf } from './guard-return.ts';

const VERSION = 1;
/** From the marker to the panic. */
const MOST_MS = 60_000;
/** A crash is dated to the second. */
const SECOND_MS = 1000;
/** Whoever is home later than that was not on the way for so long. */
const MOST_AWAY_MS = 3_600_000;

const AskedCrash = v.object({
  version: v.literal(VERSION),
  /** Of the kernel that is to die. */
  bootId: v.string(),
  /** Id of the guard's arming, see guard-return.ts. */
  arming: v.string(),
  /** Realtime, ms since 1970. */
  atMs: v.number(),
});

/** There from the test until the crash is in the history. */
export function askedCrashPath(folders: Folders): string {
  return `${folders.state}/asked-crash.json`;
}

/** @param arming what is armed now @throws what the file system says */
export function announceAskedCrash(world: SwitchWorld, machine: MachineFacts, arming: string): void {
  const asked = { version: VERSION, bootId: valueOf(machine.bootId) ?? '', arming, atMs: world.nowMs() };
  world.files.write(askedCrashPath(world.folders), `${JSON.stringify(asked)}\n`);
}

/** A crash that was asked for. */
export interface AskedFor<T> {
  readonly entry: T;
  /** Since it was asked for, ms, to the second that a clock is set to at a start; undefined when the clock cannot be right. */
  readonly sinceMs: number | undefined;
}

/**
 * Which of the crashes that ended with this boot was asked for: the one of that minute, or where nobody knows when it was,
 * the one that the guard came home from with that arming within the hour. Undefined when none was. Changes nothing.
 * @param entries oldest first
 */
export function findAskedCrash<T extends Pick<CrashHistoryEntry, 'atMs'>>(
  world: SwitchWorld,
  machine: MachineFacts,
  entries: readonly T[],
): AskedFor<T> | undefined {
  const asked = readAskedCrash(world, machine);
  if (asked === undefined) return undefined;
  const { arming, atMs } = asked;
  const isHomeFromIt = guardReturnOf(valueOf(machine.commandLine) ?? '')?.arming === arming;
  const entry =
    entries.find((each) => each.atMs > atMs - SECOND_MS && each.atMs < atMs + MOST_MS) ??
    (isHomeFromIt ? entries.findLast((each) => Math.abs(each.atMs - atMs) < MOST_AWAY_MS) : undefined);
  if (entry === undefined) return undefined;
  const ms = world.nowMs() - atMs;
  return { entry, sinceMs: ms > 0 && ms < MOST_AWAY_MS ? ms : undefined };
}

/** To be called when it did not come to a crash: the next one was not asked for. */
export function takeBackAskedCrash(world: SwitchWorld): void {
  world.files.remove(askedCrashPath(world.folders));
}

/** The newest `khop guard test` of this machine. */
export interface LastTest {
  /** Realtime, ms since 1970. */
  readonly atMs: number;
  /** Null when no crash is on record for it: it did not come home by itself, or left no word. */
  readonly entry: CrashHistoryEntry | null;
}

/** Null when there was none. */
export function lastTestOf(world: SwitchWorld, machine: MachineFacts, { entries }: History): LastTest | null {
  const entry = entries.findLast(
    (one): one is CrashHistoryEntry => one.kind === 'crash' && one.isAskedFor === true,
  );
  const open = readAskedCrash(world, machine);
  if (open !== undefined && open.atMs > (entry?.atMs ?? 0)) return { atMs: open.atMs, entry: null };
  return entry === undefined ? null : { atMs: entry.atMs, entry };
}

/** Undefined when there is none of an earlier boot. */
function readAskedCrash(
  world: SwitchWorld,
  machine: MachineFacts,
): v.InferOutput<typeof AskedCrash> | undefined {
  const path = askedCrashPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined) return undefined;
  try {
    const asked = decodeState(text, path, AskedCrash, VERSION);
    return asked.bootId === valueOf(machine.bootId) ? undefined : asked;
  } catch (error) {
    // A damaged marker makes a test count as a crash, and that is all.
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}
