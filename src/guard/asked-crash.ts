/**
 * A crash that somebody asked for (`khop guard test`), /var/lib/khop/asked-crash.json: written just before it, so that the
 * kernel that comes home knows that it is no part of a loop.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { CrashHistoryEntry } from '../switch/history.ts';
import { decodeState } from '../switch/ticket.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { guardReturnOf } from './guard-return.ts';

const VERSION = 1;
/** From the marker to the panic. */
const MOST_MS = 60_000;
/** A crash is dated to the second. */
const SECOND_MS = 1000;

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

/**
 * Which of the crashes that ended with this boot was asked for: the one that the guard came home from with that arming,
 * or where another way led home, the one of that minute. Undefined when none was. Changes nothing.
 * @param entries oldest first
 */
export function findAskedCrash<T extends Pick<CrashHistoryEntry, 'atMs'>>(
  world: SwitchWorld,
  machine: MachineFacts,
  entries: readonly T[],
): T | undefined {
  const path = askedCrashPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined) return undefined;
  try {
    const { bootId, arming, atMs } = decodeState(text, path, AskedCrash, VERSION);
    if (bootId === valueOf(machine.bootId)) return undefined;
    const isHomeFromIt = guardReturnOf(valueOf(machine.commandLine) ?? '')?.arming === arming;
    return (
      entries.find((entry) => entry.atMs > atMs - SECOND_MS && entry.atMs < atMs + MOST_MS) ??
      (isHomeFromIt ? entries.at(-1) : undefined)
    );
  } catch (error) {
    // A damaged marker makes a test count as a crash, and that is all.
    if (error instanceof KhopError) return undefined;
    throw error;
  }
}
