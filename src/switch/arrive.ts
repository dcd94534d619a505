/**
 * Concluding a switch: run early in every boot, and by `khop switch` for a ticket that is still there. It compares the
 * ticket with where it finds itself.
 * @module
 */

import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { diffCommandLines } from '../plan/command-line.ts';
import { encodeHistoryEntry, type SwitchHistoryEntry } from './history.ts';
import { readHistory } from './read-history.ts';
import { arrivedPath, historyPath, ticketPath } from './state-paths.ts';
import { decodeTicket, type Ticket } from './ticket.ts';
import { entryOfTicket } from './ticket-entry.ts';
import type { SwitchWorld } from './world.ts';

/** The parameter that carries the ticket's id to the new kernel; unknown to the kernel, which ignores it. */
export const TOKEN_PARAMETER = 'khop.switch';

/** `khop.switch=ID`, for the command line. */
export function tokenArgument(id: string): string {
  return `${TOKEN_PARAMETER}=${id}`;
}

/** The ids of the tokens on a command line; the last one is the latest. */
export function tokensOn(commandLine: string): string[] {
  return [...commandLine.matchAll(/(?:^|\s)khop\.switch=([0-9a-f]{16})(?=\s|$)/g)].map((match) => match[1]!);
}

/**
 * Concludes the switch in flight, if there is one that can be concluded here.
 *
 * @returns the entry of the history, or undefined when there is no ticket, when the ticket is of this boot
 *   and its way down may still be going on, or when it is of a trial, which trial/conclude-trial.ts concludes
 * @throws E_STATE for a damaged ticket, which is left as it is
 */
export function concludeSwitch(world: SwitchWorld, machine: MachineFacts): SwitchHistoryEntry | undefined {
  const path = ticketPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined) return undefined;
  const ticket = decodeTicket(text, path);
  if (ticket.trial !== null) return undefined;
  const bootId = valueOf(machine.bootId);
  if (bootId === undefined || bootId === ticket.fromBootId) return undefined;
  // The power may have gone between the two writes. What stayed loaded after a switch was given up has its id again.
  const recorded = readHistory(world).entries.find(
    (one): one is SwitchHistoryEntry =>
      one.kind === 'switch' && one.id === ticket.id && one.atMs === ticket.requestedAtMs,
  );
  const entry = recorded ?? describeArrival(world, machine, ticket, bootId);
  if (recorded === undefined) world.files.append(historyPath(world.folders), encodeHistoryEntry(entry));
  removeTicket(world, ticket.id);
  // Tells khop-measure.service that there is a way up to measure.
  if (entry.outcome === 'arrived') world.files.write(arrivedPath(world.folders), `${entry.id}\n`);
  return entry;
}

function describeArrival(
  world: SwitchWorld,
  machine: MachineFacts,
  ticket: Ticket,
  bootId: string,
): SwitchHistoryEntry {
  const isThere = hasArrived(machine, ticket);
  const nowMs = world.nowMs();
  const upMs = valueOf(machine.uptimeMs);
  const kernelStartMs = upMs === undefined ? undefined : nowMs - upMs;
  const downMs =
    isThere && kernelStartMs !== undefined && ticket.leftAtMs !== null
      ? Math.max(0, kernelStartMs - ticket.leftAtMs)
      : null;
  return entryOfTicket(ticket, {
    outcome: isThere ? 'arrived' : 'elsewhere',
    trial: null,
    arrivedRelease: valueOf(machine.release) ?? null,
    arrivedBootId: bootId,
    downMs,
    upMs: isThere ? (upMs ?? null) : null,
  });
}

/** What a boot loader adds, and what khop tells a kernel that was started for something else. */
const OTHER_WAYS = /^(?:BOOT_IMAGE|initrd|elfcorehdr|khop\.[a-z]+)=/;

/** What was loaded. `id`: of the switch; undefined where there was none and what was loaded has no token. */
type LoadedKernel = Pick<Ticket, 'commandLine' | 'toRelease'> & { readonly id: string | undefined };

/**
 * Whether the kernel that runs is the one that was loaded: by the token. What was loaded by `kexec` has none: then it is
 * the kernel that was meant when it has that release and the command line that was loaded, and no boot loader has left its
 * name on it.
 */
export function hasArrived(machine: MachineFacts, { id, commandLine, toRelease }: LoadedKernel): boolean {
  const running = valueOf(machine.commandLine);
  if (running === undefined) return false;
  if (id !== undefined && tokensOn(commandLine).at(-1) === id) return tokensOn(running).at(-1) === id;
  if (toRelease === null || valueOf(machine.release) !== toRelease) return false;
  // A kernel may have arguments of its own, CONFIG_CMDLINE, besides those that it was given.
  const { added, removed } = diffCommandLines(commandLine, running);
  return removed.length === 0 && !added.some((argument) => OTHER_WAYS.test(argument));
}

/** To be called once `id` is concluded. The ticket of another switch, which has taken its place meanwhile, stays. */
export function removeTicket(world: SwitchWorld, id: string): void {
  const path = ticketPath(world.folders);
  const text = world.files.read(path);
  if (text === undefined || decodeTicket(text, path).id !== id) return;
  world.files.remove(path);
}

/** Records that a switch was given up while the old kernel still runs, and removes its ticket. */
export function abandonSwitch(world: SwitchWorld, ticket: Ticket): void {
  const entry = entryOfTicket(ticket, {
    ...{
      outcome: 'abandoned',
      trial: null,
      arrivedRelease: null,
      arrivedBootId: null,
      downMs: null,
      upMs: null,
    },
  });
  world.files.append(historyPath(world.folders), encodeHistoryEntry(entry));
  removeTicket(world, ticket.id);
}
