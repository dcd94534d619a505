/**
 * Telling people and programs how a trial ended: those who are logged in, those who log in until the next boot, and
 * hooks once the system is up. What the journal gets, the command or unit that calls this prints.
 * @module
 */
import { dirname, join } from 'node:path';
import { KhopError } from '../error.ts';
import type { LostTrialEntry, SwitchHistoryEntry, TrialEnd } from '../switch/history.ts';
import { readHistory } from '../switch/read-history.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';

/** Where hooks lie, sorted by their names. */
export const TRIAL_HOOKS = '/etc/khop/hooks/trial.d';

/** Each. */
const HOOK_TIMEOUT_MS = 30_000;

/** Read by pam_motd at a login, beside what guard/announce-crash.ts leaves. */
function motdPath(folders: Folders): string {
  return join(dirname(folders.run), 'motd.d', 'khop-trial');
}

/** There when hooks have not been told of a trial's end yet, with a line `ID` for each. */
function untoldPath(folders: Folders): string {
  return `${folders.run}/trials-untold`;
}

/** How a trial ended. */
export type EndedTrial = SwitchHistoryEntry | LostTrialEntry;

/** One sentence for people, without its stop. */
export function describeTrialEnd(entry: EndedTrial): string {
  if (entry.kind === 'trial-lost')
    return entry.movedTo === null
      ? `came home from a trial whose ticket is gone: ${entry.detail}`
      : `came home from a trial whose ticket could not be read: ${entry.detail}. It is kept as ${entry.movedTo}`;
  const kernel = entry.toRelease ?? entry.image;
  if (entry.trial?.verdict === 'confirmed') return `runs ${kernel}, which was confirmed`;
  const cause = `${entry.trial?.cause ?? 'unknown cause'} in phase ${entry.trial?.phase}: ${entry.trial?.detail}${describeWays(entry.trial)}`;
  return entry.outcome === 'elsewhere'
    ? `left the trial of ${kernel} and came up on ${entry.arrivedRelease ?? 'an unnamed kernel'}, which is not the known-good one (${cause})`
    : `came home from the trial of ${kernel} (${cause})`;
}

/** To be put behind the cause: empty where the first way led home, or none was written down. */
export function describeWays(end: TrialEnd | null): string {
  const ways = end?.ways ?? [];
  return ways.length < 2 ? '' : `; ways home that were tried: ${ways.join(', ')}`;
}

/** What announcing needs of the machine. */
export interface Announcer {
  /** On all terminals. Never throws for want of one. */
  readonly tellUsers: (text: string) => Promise<void>;
}

/** Leaves word. Never throws: what cannot be written is given back, in sentences. */
export async function announceTrialEnd(
  world: SwitchWorld,
  entry: EndedTrial,
  { tellUsers }: Announcer,
): Promise<string[]> {
  const line = `khop: this machine ${describeTrialEnd(entry)}. See khop history`;
  const problems: string[] = [];
  const attempt = (path: string, text: string): void => {
    try {
      world.files.write(path, text);
    } catch (error) {
      problems.push(`${path} cannot be written: ${(error as Error).message}`);
    }
  };
  attempt(motdPath(world.folders), `${line}\n`);
  attempt(untoldPath(world.folders), `${keyOf(entry)}\n`);
  await tellUsers(line);
  return problems;
}

function keyOf(entry: EndedTrial): string {
  return entry.kind === 'trial-lost' ? entry.digest : entry.id;
}

/** What hooks are told in their environment. */
export function hookEnvironment(entry: EndedTrial): Readonly<Record<string, string>> {
  const isLost = entry.kind === 'trial-lost';
  const end = isLost ? undefined : entry.trial;
  return {
    KHOP_TRIAL_ID: entry.id ?? '',
    KHOP_TRIAL_VERDICT: isLost ? 'lost' : (end?.verdict ?? ''),
    KHOP_TRIAL_CAUSE: (isLost ? entry.cause : end?.cause) ?? '',
    KHOP_TRIAL_DETAIL: (isLost ? entry.detail : end?.detail) ?? '',
    KHOP_TRIAL_PHASE: end?.phase ?? '',
    KHOP_TRIAL_WAYS: (end?.ways ?? []).join(' '),
    KHOP_TRIAL_RELEASE: (isLost ? undefined : entry.toRelease) ?? '',
    KHOP_TRIAL_HOME: isLost ? '' : entry.fromRelease,
    KHOP_TRIAL_RUNNING: entry.arrivedRelease ?? '',
  };
}

/** What hooks need of the world. */
export interface TrialHookCalls {
  /** Absolute paths in order; those that are no programs, or that others than root can change, are left out. */
  readonly list: () => readonly string[];
  /** @throws E_CHILD, E_TIMEOUT */
  readonly run: (
    path: string,
    args: readonly string[],
    timeoutMs: number,
    environment: Readonly<Record<string, string>>,
  ) => Promise<void>;
}

/** Starts every hook for every trial's end that none was told of. Gives back how many were started. */
export async function tellTrialHooks(world: SwitchWorld, hooks: TrialHookCalls): Promise<number> {
  const untold = (world.files.read(untoldPath(world.folders)) ?? '').split('\n').filter((key) => key !== '');
  if (untold.length === 0) return 0;
  // First: a hook that ends the machine must not be started at every boot.
  world.files.remove(untoldPath(world.folders));
  const ended = readHistory(world).entries.filter(
    (entry): entry is EndedTrial => entry.kind === 'switch' || entry.kind === 'trial-lost',
  );
  let started = 0;
  for (const key of untold) {
    const entry = ended.findLast((each) => keyOf(each) === key);
    if (entry === undefined) continue;
    for (const hook of hooks.list()) {
      started += 1;
      try {
        await hooks.run(hook, [], HOOK_TIMEOUT_MS, hookEnvironment(entry));
      } catch (error) {
        if (!(error instanceof KhopError)) throw error;
        world.remark(error.message);
      }
    }
  }
  return started;
}
