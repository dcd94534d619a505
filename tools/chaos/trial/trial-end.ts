/**
 * How a trial ended, as the machine itself tells.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KhopError } from '../../../src/error.ts';
import type { VirtualMachine } from '../../../src/lab/virtual-machine.ts';
import { type Inventory, lossesSince, takeInventory } from '../guard/homecoming.ts';
import type { TrialCase } from './cases.ts';
import { COMMAND, INSTALLED, REFUSAL } from './fault.ts';

/** Stage, jump, deadlines and the way home, in an emulated machine: a guardian waits 13 minutes for an agent that is gone. */
const END_TIMEOUT_MS = 1_200_000;
/** For a command that is to be refused before anything is loaded. */
const REFUSAL_TIMEOUT_MS = 300_000;
const PAUSE_MS = 1000;
/** The power went before anything of the trial was on the disk: no ticket, and no end of one. */
export const NEVER_LEFT = 'never left';

/** Words for a row. */
export interface TrialEnd {
  readonly outcome: string;
  readonly cause: string;
  readonly seconds: number;
}

/** Until the machine has come to where the case ends: confirmed, home again, or never left. */
export async function waitForEnd(machine: VirtualMachine, each: TrialCase, bootId: string): Promise<void> {
  if (each.expected === 'stays') return await waitForRefusal(machine);
  const until = performance.now() + END_TIMEOUT_MS;
  const next = each.from === 'on-trial' ? undefined : await machine.waitForNewKernel(bootId, END_TIMEOUT_MS);
  if (each.expected === 'confirmed')
    return await waitUntil(machine, 'test ! -e /var/lib/khop/trial.json', until);
  // A kernel that dies early is never heard of: then the first one after the jump is that of home.
  if (next !== undefined && isKnownGood(next.release)) return;
  await machine.waitForNewKernel(next?.bootId ?? bootId, Math.max(1, until - performance.now()));
}

function isKnownGood(release: string): boolean {
  return release.startsWith('6.1.');
}

async function waitForRefusal(machine: VirtualMachine): Promise<void> {
  await waitUntil(machine, `test -s ${REFUSAL.status}`, performance.now() + REFUSAL_TIMEOUT_MS);
}

async function waitUntil(machine: VirtualMachine, condition: string, until: number): Promise<void> {
  while (performance.now() < until) {
    if ((await machine.exec(condition, COMMAND)).status === 0) return;
    await sleep(PAUSE_MS);
  }
  throw new KhopError('E_TIMEOUT', `it did not become true: ${condition}`, {
    hint: 'The trial did not end.',
  });
}

/** Of the history. */
interface ListedEntry {
  readonly kind: string;
  readonly outcome?: string;
  readonly cause?: string;
  readonly detail?: string;
  readonly trial?: {
    readonly verdict: string;
    readonly cause: string | null;
    readonly detail: string;
  } | null;
}

interface Listed {
  readonly entries: readonly ListedEntry[];
}

/** @param before undefined after a power cut, where another machine was switched on */
export async function describeEnd(
  machine: VirtualMachine,
  each: TrialCase,
  before: Inventory | undefined,
  seconds: number,
): Promise<TrialEnd> {
  if (each.expected === 'stays') return await describeRefusal(machine, seconds);
  const release = (await machine.run('uname -r', COMMAND)).stdout.trim();
  const isHome = isKnownGood(release);
  const { stdout } = await machine.run(`${INSTALLED} sh -c 'khop arrive >&2; khop history --json'`, COMMAND);
  // A machine of this suite leaves once.
  const ends = (JSON.parse(stdout) as Listed).entries.filter(
    ({ kind }) => kind === 'switch' || kind === 'trial-lost',
  );
  const last = ends.at(-1);
  const recorded = last?.kind === 'trial-lost' ? last.cause : last?.trial?.cause;
  const detail = last?.kind === 'trial-lost' ? last.detail : last?.trial?.detail;
  // One that began on trial had its reservation; home has more.
  const problems = isHome && before !== undefined ? lossesSince(before, await takeInventory(machine)) : [];
  const missing = await missingAfter(machine, each, recorded ?? undefined, last?.trial?.verdict);
  const unfinished = before === undefined ? await unfinishedAfterCut(machine, ends) : [];
  const other = each.detail === undefined || each.detail.test(detail ?? '') ? [] : ['but of another fault'];
  const late = seconds > (each.withinSeconds ?? Number.POSITIVE_INFINITY) ? ['but late'] : [];
  const tail = [recorded, ...other, ...late, ...problems, ...missing, ...unfinished]
    .filter(Boolean)
    .join(', ');
  const ways = (await machine.run('cat /proc/cmdline', COMMAND)).stdout;
  const way = /khop\.(home|guard)=/.test(ways) ? 'kexec' : 'firmware';
  const hasLeft = before !== undefined || last !== undefined;
  const words = outcomeWords({ isHome, hasLeft, way, verdict: last?.trial?.verdict });
  return { outcome: tail === '' ? words : `${words}, ${tail}`, cause: detail ?? '', seconds };
}

/** Whenever the power goes, a trial that was on the disk ends once, by a ticket that can be read and is gone then. */
async function unfinishedAfterCut(machine: VirtualMachine, ends: readonly ListedEntry[]): Promise<string[]> {
  const ticket = await machine.exec('test -e /var/lib/khop/trial.json', COMMAND);
  return [
    ...(ticket.status === 0 ? ['but its ticket is still there'] : []),
    ...(ends.some(({ kind }) => kind === 'trial-lost') ? ['but its ticket could not be read'] : []),
    ...(ends.length > 1 ? [`but it ended ${ends.length} times`] : []),
  ];
}

/** Refused, with nothing loaded, nothing on its way, and the kernel that was there. */
async function describeRefusal(machine: VirtualMachine, seconds: number): Promise<TrialEnd> {
  const ask = async (script: string): Promise<string> => (await machine.run(script, COMMAND)).stdout.trim();
  const words = await ask(`tail -n 2 ${REFUSAL.words} | head -n 1`);
  const found = await ask(
    `cat ${REFUSAL.status} /sys/kernel/kexec_loaded; test -e /var/lib/khop/trial.json && echo ticket; uname -r | cut -c1-4`,
  );
  return {
    outcome: /^[1-9]\d*\n0\n6\.1\.$/.test(found) ? 'stays' : `left (${found})`,
    cause: words,
    seconds,
  };
}

/** What a confirmed kernel and a panic leave besides the history. */
async function missingAfter(
  machine: VirtualMachine,
  { from }: TrialCase,
  cause: string | undefined,
  verdict: string | undefined,
): Promise<string[]> {
  if (verdict === 'confirmed') {
    // What was tried there has a parameter more than its entry, so the default stays.
    if (from === 'asked') return [];
    const { stdout } = await machine.run(`${INSTALLED} khop list --json`, COMMAND);
    const { kernels } = JSON.parse(stdout) as {
      kernels: readonly { readonly release: string; readonly isDefault: boolean }[];
    };
    const chosen = kernels.find(({ isDefault }) => isDefault);
    return chosen?.release.startsWith('6.12.') === true ? [] : ['but it is not the default'];
  }
  if (cause !== 'panic') return [];
  const { stdout } = await machine.run(`${INSTALLED} khop crashes list --json`, COMMAND);
  return (JSON.parse(stdout) as { reports: readonly unknown[] }).reports.length > 0
    ? []
    : ['without a report'];
}

function outcomeWords(found: {
  readonly isHome: boolean;
  /** Whether it is known to have been on its way at least. */
  readonly hasLeft: boolean;
  readonly way: string;
  readonly verdict: string | undefined;
}): string {
  if (found.verdict === 'confirmed') return 'confirmed';
  if (!found.isHome) return 'on the kernel that was tried';
  return found.hasLeft ? `home by ${found.way}` : NEVER_LEFT;
}
