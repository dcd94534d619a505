/**
 * How a load ended that no ticket tells of: `khop load`, then `systemctl kexec` or `kexec -e`. What is loaded is kept on
 * disk as well, /var/lib/khop/loaded.json, until it is unloaded or a ticket is written for it. A later boot that finds it
 * says whether it is the kernel that was loaded. If not, nobody can tell whether that was never jumped to or did not come
 * up.
 * @module
 */
import { KhopError } from '../error.ts';
import { hasCrashedMemory } from '../machine/crash-facts.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { hasArrived, tokensOn } from './arrive.ts';
import {
  encodeHistoryEntry,
  HISTORY_VERSION,
  type HistoryEntry,
  type LoadEndHistoryEntry,
} from './history.ts';
import { decodeLoadedRecord, encodeLoadedRecord, type LoadedRecord } from './loaded-record.ts';
import { readHistory } from './read-history.ts';
import { historyPath, keptLoadPath, ticketPath } from './state-paths.ts';
import { decodeTicket } from './ticket.ts';
import type { SwitchWorld } from './world.ts';

/** Arguments that boot loaders add. */
const BOOT_LOADER = /(?:^|\s)(?:BOOT_IMAGE|initrd)=/;

/** Leaves word of what is in the normal slot to the next boot. @throws what writing throws */
export function keepLoad({ files, folders }: SwitchWorld, record: LoadedRecord): void {
  // Without a boot of its own it would be concluded in this one.
  if (record.bootId === '') return;
  files.write(keptLoadPath(folders), encodeLoadedRecord(record));
}

/** To be called once it is loaded no more, or a ticket tells of it. @throws what removing throws */
export function forgetLoad({ files, folders }: SwitchWorld): void {
  const path = keptLoadPath(folders);
  if (files.read(path) !== undefined) files.remove(path);
}

/**
 * Concludes what an earlier boot has loaded, once: to be called when crashes that led here are in the history, and before
 * the ticket is concluded. Never throws: what cannot be read or written is a remark, and is tried again.
 *
 * @returns the entry of the history, or undefined when there is nothing to conclude, in a system that runs after a crash
 *   and is not home, and when something else says how it ended: a ticket, or a crash of the kernel that had loaded it
 */
export function concludeLoad(world: SwitchWorld): LoadEndHistoryEntry | undefined {
  try {
    return concludeKept(world);
  } catch (error) {
    world.remark(`how the last load ended is not in the history: ${(error as Error).message}`);
    return undefined;
  }
}

function concludeKept(world: SwitchWorld): LoadEndHistoryEntry | undefined {
  const path = keptLoadPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined) return undefined;
  const record = decodeLoadedRecord(text, path);
  const machine = world.readMachine();
  const bootId = valueOf(machine.bootId);
  if (bootId === undefined || bootId === record.bootId || hasCrashedMemory(world.folders.root))
    return undefined;
  const { entries } = readHistory(world);
  // The power may have gone between the two writes.
  const recorded = entries.find(
    (one): one is LoadEndHistoryEntry =>
      one.kind === 'load-end' && one.atMs === record.loadedAtMs && one.image === record.image,
  );
  const entry = recorded ?? describeEnd(world, machine, record, entries);
  if (recorded === undefined && entry !== undefined)
    world.files.append(historyPath(world.folders), encodeHistoryEntry(entry));
  world.files.remove(path);
  return entry;
}

function describeEnd(
  world: SwitchWorld,
  machine: MachineFacts,
  record: LoadedRecord,
  entries: readonly HistoryEntry[],
): LoadEndHistoryEntry | undefined {
  const { image, release: toRelease, optimisations, loadedAtMs, commandLine } = record;
  if (hasTicketOf(world, record)) return undefined;
  const token = tokensOn(commandLine).at(-1);
  // Scripts hand over the whole running line, and a boot loader starts the same kernel with the same one.
  const mayBeElsewhere = token === undefined && BOOT_LOADER.test(valueOf(machine.commandLine) ?? '');
  const isThere = !mayBeElsewhere && hasArrived(machine, { id: token, commandLine, toRelease });
  if (!isThere && hasCrashedSince(entries, machine, record)) return undefined;
  return {
    version: HISTORY_VERSION,
    kind: 'load-end',
    atMs: loadedAtMs,
    image,
    toRelease,
    optimisations,
    outcome: isThere ? 'arrived' : 'unknown',
    arrivedRelease: valueOf(machine.release) ?? null,
    arrivedBootId: valueOf(machine.bootId) ?? null,
  };
}

/** Whether the boot that loaded it has left by a switch, whose ticket is still there. */
function hasTicketOf({ files, folders }: SwitchWorld, { bootId }: LoadedRecord): boolean {
  const path = ticketPath(folders);
  const text = files.read(path);
  if (text === undefined) return false;
  try {
    return decodeTicket(text, path).fromBootId === bootId;
  } catch (error) {
    // Who concludes tickets says what is wrong with it.
    if (!(error instanceof KhopError)) throw error;
    return false;
  }
}

/**
 * A kernel that was guarded when it died had come up: it is the one that loaded, or the one that was loaded. Its place in
 * the file counts, since the clock may have been set.
 */
function hasCrashedSince(
  entries: readonly HistoryEntry[],
  machine: MachineFacts,
  { loadedAtMs, image, bootId: loadedBy }: LoadedRecord,
): boolean {
  const load = entries.findLastIndex(
    (entry) => entry.kind === 'load' && entry.atMs === loadedAtMs && entry.image === image,
  );
  const bootId = valueOf(machine.bootId);
  return entries.some(
    (entry, index) =>
      entry.kind === 'crash' &&
      // One before the boot that loaded, whose report came late, says nothing.
      (load < 0 ? entry.arrivedBootId === bootId : index > load && entry.arrivedBootId !== loadedBy),
  );
}
