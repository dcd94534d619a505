/**
 * Telling people and programs that this machine came home from a crash, or goes on after one: who logs in reads it,
 * and hooks are started once the system is up. What the journal gets, khop-arrive.service prints.
 * @module
 */
import { dirname, join } from 'node:path';
import { KhopError } from '../error.ts';
import type { CrashHistoryEntry } from '../switch/history.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { crashesFolder } from './crashes-folder.ts';

/** Read by pam_motd at a login, until the next boot: /run/motd.d/khop. */
function motdPath(folders: Folders): string {
  return join(dirname(folders.run), 'motd.d', 'khop');
}

/** Where hooks lie, sorted by their names. */
export const CRASH_HOOKS = '/etc/khop/hooks/crash.d';

/** Each. */
const HOOK_TIMEOUT_MS = 30_000;
const SHOWN = 3;

/** There when hooks have not been told of a crash yet, with a line `ID` for each. */
function untoldPath(folders: Folders): string {
  return `${folders.run}/crashes-untold`;
}

/** Leaves word of crashes that ended with this boot. Never throws: what cannot be written is given back, in sentences. */
export function announceCrashes(world: SwitchWorld, entries: readonly CrashHistoryEntry[]): string[] {
  if (entries.length === 0) return [];
  const lines = entries
    .slice(-SHOWN)
    .map((entry) => `came home from ${describeEnd(entry)}. See khop crashes show ${entry.id}`);
  return leaveWord(
    world,
    lines,
    entries.map(({ id }) => id),
  );
}

/**
 * Leaves word that this system goes on after a crash. Never throws, as `announceCrashes`.
 * @param crash undefined when there is no report of it
 * @param where it lives, such as `400 MiB, on 1 CPU`
 */
export function announceContinued(
  world: SwitchWorld,
  crash: DescribedCrash | undefined,
  where: string,
): string[] {
  const what = crash === undefined ? 'a crash' : describe(crash);
  const line = `goes on in ${where}, after ${what}. See khop guard status`;
  return leaveWord(world, [line], crash === undefined ? [] : [crash.id]);
}

function leaveWord(world: SwitchWorld, lines: readonly string[], ids: readonly string[]): string[] {
  const problems: string[] = [];
  const attempt = (path: string, text: string): void => {
    try {
      world.files.write(path, text);
    } catch (error) {
      problems.push(`${path} cannot be written: ${(error as Error).message}`);
    }
  };
  attempt(motdPath(world.folders), lines.map((line) => `khop: this machine ${line}\n`).join(''));
  if (ids.length > 0) attempt(untoldPath(world.folders), `${ids.join('\n')}\n`);
  return problems;
}

/** Nothing where nobody wrote it down. */
const WAYS: Readonly<Record<CrashHistoryEntry['outcome'], string>> = {
  'home-by-kexec': ', by kexec',
  'home-by-firmware': ', through the firmware',
  ...{ continued: '', unknown: '' },
};

function describeEnd(entry: CrashHistoryEntry): string {
  if (entry.isAskedFor !== true) return describe(entry);
  const away = entry.awayMs == null ? '' : `, ${Math.round(entry.awayMs / 1000)} s after the crash`;
  return `khop guard test, ${dateOf(entry.atMs)} UTC${WAYS[entry.outcome]}${away}`;
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

type DescribedCrash = Pick<CrashHistoryEntry, 'id' | 'atMs' | 'release' | 'summary'>;

function describe({ atMs, release, summary }: DescribedCrash): string {
  return `a crash of ${release ?? 'a kernel'}, ${dateOf(atMs)} UTC: ${summary}`;
}

/** What hooks need of the world. */
export interface HookCalls {
  /** Absolute paths in order; those that are no programs, or that others than root can change, are left out. */
  readonly list: () => readonly string[];
  /** @throws E_CHILD, E_TIMEOUT */
  readonly run: (path: string, args: readonly string[], timeoutMs: number) => Promise<void>;
}

/** Starts every hook for every crash that none was told of. Gives back how many were started. */
export async function tellHooks(world: SwitchWorld, hooks: HookCalls): Promise<number> {
  const untold = (world.files.read(untoldPath(world.folders)) ?? '').split('\n').filter((id) => id !== '');
  // First: a hook that ends the machine must not be started at every boot.
  world.files.remove(untoldPath(world.folders));
  let started = 0;
  for (const id of untold) {
    const report = `${crashesFolder(world.folders)}/${id}/report.json`;
    for (const hook of hooks.list()) {
      started += 1;
      try {
        await hooks.run(hook, world.files.read(report) === undefined ? [] : [report], HOOK_TIMEOUT_MS);
      } catch (error) {
        if (!(error instanceof KhopError)) throw error;
        world.remark(error.message);
      }
    }
  }
  return started;
}
