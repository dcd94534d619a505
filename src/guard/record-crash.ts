/**
 * Crashes in the history: what `khop history` shows beside switches, and what a loop is told by.
 * @module
 */
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import { type CrashHistoryEntry, encodeHistoryEntry, HISTORY_VERSION } from '../switch/history.ts';
import { readHistory } from '../switch/read-history.ts';
import { historyPath } from '../switch/state-paths.ts';
import type { SwitchWorld } from '../switch/world.ts';
import { announceContinued, announceCrashes } from './announce-crash.ts';
import { type AskedFor, askedCrashPath, findAskedCrash } from './asked-crash.ts';
import type { ChainStep } from './capture-chain.ts';
import { type CrashConclusion, concludeCrashes } from './conclude-crash.ts';
import { type ContinuedCrash, saveContinuedCrash, wordsOf } from './continued-crash.ts';
import type { CrashReport } from './crash-report.ts';
import { findCrash } from './crash-store.ts';
import { guardReturnOf } from './guard-return.ts';

/** To so much a clock is set at a start. */
const CLOCK_MS = 1000;

/** What became of crashes before this boot. */
export interface CrashArrival extends CrashConclusion {
  /** Entries that were added to the history, oldest first. */
  readonly entries: readonly CrashHistoryEntry[];
  /** In a system that goes on after a crash, and nothing else is then; undefined in any other. */
  readonly continued: ContinuedCrash | undefined;
  /** The one of `entries` that somebody asked for, and what the guard did; undefined when none was. */
  readonly tested: TestedGuard | undefined;
}

/** How a crash that was asked for ended. */
export interface TestedGuard {
  readonly entry: CrashHistoryEntry;
  /** Empty where nobody wrote it down. */
  readonly chain: readonly ChainStep[];
}

/**
 * Concludes crashes that ended with this boot, writes each into the history, and leaves word of them. A second time it
 * does nothing. In a system that goes on after a crash it writes the report: that crash ends when the machine is home.
 */
export function arriveFromCrash(world: SwitchWorld, machine: MachineFacts): CrashArrival {
  const continued = saveContinuedCrash(world, machine);
  if (continued !== undefined) return goOn(world, continued);
  const conclusion = concludeCrashes(world, machine);
  const arrived = {
    arrivedRelease: valueOf(machine.release) ?? null,
    arrivedBootId: valueOf(machine.bootId) ?? null,
  };
  // A report that came home in memory comes back when its folder was removed: that is no second crash.
  const recorded = new Set(readHistory(world).entries.map((entry) => entry.kind === 'crash' && entry.id));
  const reports = conclusion.crashes
    .filter((id) => !recorded.has(id))
    .map((id) => findCrash(world.folders.state, id).report);
  const entries: CrashHistoryEntry[] = reports.map((report) => ({
    ...entryOf(report, world.nowMs()),
    ...arrived,
  }));
  const mayBeLost = conclusion.isHomeByKexec && entries.length === 0 && conclusion.problem === undefined;
  const lost = mayBeLost ? lostCrash(world, machine) : undefined;
  if (lost !== undefined) entries.push({ ...lost, ...arrived });
  let { problem } = conclusion;
  let tested: TestedGuard | undefined;
  try {
    const asked = findAskedCrash(world, machine, entries);
    if (asked !== undefined) {
      const chain = reports.find(({ id }) => id === asked.entry.id)?.chain ?? [];
      const entry = { ...asked.entry, isAskedFor: true, awayMs: awayMs(asked, chain) };
      entries[entries.indexOf(asked.entry)] = entry;
      tested = { entry, chain };
      world.files.remove(askedCrashPath(world.folders));
    }
    for (const entry of entries) world.files.append(historyPath(world.folders), encodeHistoryEntry(entry));
  } catch (error) {
    problem ??= `${historyPath(world.folders)} cannot be written: ${(error as Error).message}`;
  }
  for (const sentence of announceCrashes(world, entries)) problem ??= sentence;
  return { ...conclusion, problem, entries, continued, tested };
}

/**
 * How long a test took the machine away, ms. Null where it went on meanwhile, or the clock, which a board without a clock of
 * its own may have of an earlier day, says less than the kernels themselves.
 */
function awayMs(
  { entry: { captureMs, upMs }, sinceMs }: AskedFor<CrashHistoryEntry>,
  chain: readonly ChainStep[],
): number | null {
  if (sinceMs === undefined || chain.some(({ step }) => step === 'continue')) return null;
  return sinceMs + CLOCK_MS >= (captureMs ?? 0) + (upMs ?? 0) ? sinceMs : null;
}

function goOn(world: SwitchWorld, continued: ContinuedCrash): CrashArrival {
  const { crash } = continued.continuing;
  const report = crash === undefined ? undefined : findCrash(world.folders.state, crash).report;
  const entry = report && entryOf(report, world.nowMs());
  const [problem] = continued.isNew ? announceContinued(world, entry, wordsOf(continued.continuing)) : [];
  return { crashes: [], isHomeByKexec: false, problem, entries: [], continued, tested: undefined };
}

type Entry = Omit<CrashHistoryEntry, 'arrivedRelease' | 'arrivedBootId'>;

function entryOf(report: CrashReport, nowMs: number): Entry {
  const lastMs = (clock: 'capture' | 'home') => report.chain.findLast((step) => step.clock === clock)?.ms;
  // A system that goes on leaves when that suits: no capture takes that long.
  const goesOnMs = report.chain.find(({ step }) => step === 'continue')?.ms;
  return {
    version: HISTORY_VERSION,
    kind: 'crash',
    id: report.id,
    atMs: report.when?.atMs ?? nowMs,
    release: report.kernel.release,
    summary: report.summary,
    fingerprint: report.fingerprint?.id ?? null,
    outcome: report.outcome,
    captureMs: goesOnMs ?? lastMs('capture') ?? null,
    upMs: lastMs('home') ?? null,
  };
}

/** A guard brought this kernel up, and no report says from what. */
function lostCrash(world: SwitchWorld, machine: MachineFacts): Entry | undefined {
  const bootId = valueOf(machine.bootId);
  const isKnown = readHistory(world).entries.some(
    (entry) => entry.kind === 'crash' && entry.arrivedBootId === bootId,
  );
  if (isKnown) return undefined;
  const upMs = valueOf(machine.uptimeMs);
  return {
    version: HISTORY_VERSION,
    kind: 'crash',
    id: guardReturnOf(valueOf(machine.commandLine) ?? '')?.arming ?? 'unknown',
    atMs: world.nowMs() - (upMs ?? 0),
    release: null,
    summary: 'A kernel died and left no report',
    fingerprint: null,
    outcome: 'home-by-kexec',
    captureMs: null,
    upMs: upMs ?? null,
  };
}
