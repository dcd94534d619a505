/**
 * The history: /var/lib/khop/history.jsonl, one JSON object a line, append-only. `khop history` and the
 * time estimates (estimate.ts) read it. A line that cannot be read is reported and skipped, never removed.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import { decodeState } from './ticket.ts';

export const HISTORY_VERSION = 1;

const Milliseconds = v.pipe(v.number(), v.minValue(0));

const LoadEntry = v.object({
  version: v.literal(HISTORY_VERSION),
  kind: v.literal('load'),
  atMs: v.number(),
  slot: v.picklist(['normal', 'crash']),
  method: v.picklist(['file', 'segments']),
  fromRelease: v.string(),
  toRelease: v.nullable(v.string()),
  image: v.string(),
  /** Names of what was done beforehand, see optimisations.ts; older entries do not say. */
  optimisations: v.optional(v.array(v.string())),
  loadMs: Milliseconds,
});

/** How a load ended that no ticket tells of, written down by a later boot; see load-end.ts. */
const LoadEndEntry = v.object({
  version: v.literal(HISTORY_VERSION),
  kind: v.literal('load-end'),
  /** That of the load. */
  atMs: v.number(),
  image: v.string(),
  toRelease: v.nullable(v.string()),
  /** Names of what was done beforehand, see optimisations.ts. */
  optimisations: v.array(v.string()),
  /** `arrived`: the kernel that was loaded runs. `unknown`: another one does, by whatever way. */
  outcome: v.picklist(['arrived', 'unknown']),
  arrivedRelease: v.nullable(v.string()),
  arrivedBootId: v.nullable(v.string()),
});

/** How a trial ended. */
const TrialEnd = v.object({
  /** `confirmed`, or `returned`: the machine is on the known-good kernel again. */
  verdict: v.picklist(['confirmed', 'returned']),
  /** One of RETURN_CAUSES (trial/cause.ts); null when confirmed. */
  cause: v.nullable(v.string()),
  /** One sentence. */
  detail: v.string(),
  /** The last phase that the kernel on trial is known to have reached. */
  phase: v.string(),
  /** From the moment of the cause, as far as that is known, to this record. */
  returnMs: v.nullable(Milliseconds),
  /** RETURN_WAYS that were tried, in their order, as far as the disk took them; older entries and confirmed trials do not say. */
  ways: v.optional(v.array(v.string())),
});

const SwitchEntry = v.object({
  version: v.literal(HISTORY_VERSION),
  kind: v.literal('switch'),
  id: v.string(),
  atMs: v.number(),
  method: v.picklist(['file', 'segments']),
  /** Names of what was done beforehand, see optimisations.ts; entries before 0.2 have none. */
  optimisations: v.optional(v.array(v.string()), []),
  /** Parameters that were added for this one boot, see added-parameters.ts; older entries do not say. */
  added: v.optional(v.array(v.string())),
  shutdown: v.picklist(['systemd', 'own', 'now']),
  fromRelease: v.string(),
  toRelease: v.nullable(v.string()),
  image: v.string(),
  /**
   * `arrived`: a new boot_id, and the token is on the command line (or what was loaded had none, see arrive.ts).
   * `elsewhere`: a new boot_id without the token, so another way led here, such as firmware. `abandoned`: the old kernel still runs. `returned`: a trial
   * that came home, see `trial`.
   */
  outcome: v.picklist(['arrived', 'elsewhere', 'abandoned', 'returned']),
  /** Null for a switch without a trial; entries before 0.3 have none. */
  trial: v.optional(v.nullable(TrialEnd), null),
  arrivedRelease: v.nullable(v.string()),
  arrivedBootId: v.nullable(v.string()),
  loadMs: Milliseconds,
  /** From the start of the way down to the new kernel's clock, to a second: the clock is set from the RTC. */
  downMs: v.nullable(Milliseconds),
  /** From the new kernel's clock to the record. */
  upMs: v.nullable(Milliseconds),
});

/** The way up after an arrival, when systemd was done with it. All from the start of the kernel's clock. */
const ArrivalEntry = v.object({
  version: v.literal(HISTORY_VERSION),
  kind: v.literal('arrival'),
  /** Of the switch that led here. */
  id: v.string(),
  atMs: v.number(),
  /** To the initramfs' first program; null without an initramfs of systemd's, whose time nobody writes down. */
  initrdMs: v.nullable(Milliseconds),
  /** To the init of the system itself. */
  initMs: v.nullable(Milliseconds),
  /** To the last job of the default target. */
  finishedMs: v.nullable(Milliseconds),
  /** The chosen service: when it was active, or answered. */
  service: v.nullable(v.object({ name: v.string(), answeredMs: v.nullable(Milliseconds) })),
  /** What took longest to start, longest first. */
  slowest: v.array(v.object({ unit: v.string(), tookMs: Milliseconds })),
});

/** A kernel that died, written down by the one that came up after it. */
const CrashEntry = v.object({
  version: v.literal(HISTORY_VERSION),
  kind: v.literal('crash'),
  /** Of the report's folder; of a crash that left none, the guard's arming. */
  id: v.string(),
  /** When the kernel died; of one that did not say so, when it was written down. */
  atMs: v.number(),
  /** Of the kernel that died. */
  release: v.nullable(v.string()),
  /** One sentence. */
  summary: v.string(),
  /** Equal for the same crash; null when nothing says what happened. */
  fingerprint: v.nullable(v.string()),
  outcome: v.picklist(['home-by-kexec', 'home-by-firmware', 'continued', 'unknown']),
  /** By `khop guard test`. */
  isAskedFor: v.optional(v.boolean()),
  /** Of such a crash: from it to the record of the kernel that came up, to a second; older entries do not say. */
  awayMs: v.optional(v.nullable(Milliseconds)),
  arrivedRelease: v.nullable(v.string()),
  arrivedBootId: v.nullable(v.string()),
  /** How long the panic kernel ran, and the one after it until it wrote this; null where nobody wrote it down. */
  captureMs: v.nullable(Milliseconds),
  upMs: v.nullable(Milliseconds),
});

/** A ticket that the known-good kernel could not read: how that trial ended is known only from outside of it. */
const LostTrialEntry = v.object({
  version: v.literal(HISTORY_VERSION),
  kind: v.literal('trial-lost'),
  /** Of the trial, where the command line says it. */
  id: v.nullable(v.string()),
  atMs: v.number(),
  /** Why the ticket could not be read. */
  reason: v.string(),
  /** Where the ticket is now; null when there was none any more. */
  movedTo: v.nullable(v.string()),
  /** SHA-256 of its text, or of the trial's id where there was none: the same ticket is lost once. */
  digest: v.string(),
  /** One of RETURN_CAUSES (trial/cause.ts), and one sentence. */
  cause: v.string(),
  detail: v.string(),
  arrivedRelease: v.nullable(v.string()),
  arrivedBootId: v.nullable(v.string()),
});

const Entry = v.variant('kind', [
  LoadEntry,
  LoadEndEntry,
  SwitchEntry,
  ArrivalEntry,
  CrashEntry,
  LostTrialEntry,
]);

export type LoadHistoryEntry = v.InferOutput<typeof LoadEntry>;
export type LoadEndHistoryEntry = v.InferOutput<typeof LoadEndEntry>;
export type SwitchHistoryEntry = v.InferOutput<typeof SwitchEntry>;
export type TrialEnd = v.InferOutput<typeof TrialEnd>;
export type ArrivalHistoryEntry = v.InferOutput<typeof ArrivalEntry>;
export type CrashHistoryEntry = v.InferOutput<typeof CrashEntry>;
export type LostTrialEntry = v.InferOutput<typeof LostTrialEntry>;
export type HistoryEntry = v.InferOutput<typeof Entry>;

/** What a history file holds. */
export interface History {
  /** Oldest first. */
  readonly entries: readonly HistoryEntry[];
  /** One sentence for each line that could not be read. */
  readonly damaged: readonly string[];
}

export function encodeHistoryEntry(entry: HistoryEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

/** Parses the whole file; a torn last line (power cut while appending) counts as damaged. */
export function decodeHistory(text: string, path: string): History {
  const entries: HistoryEntry[] = [];
  const damaged: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      entries.push(decodeState(line, `${path}, line ${index + 1}`, Entry, HISTORY_VERSION));
    } catch (error) {
      if (!(error instanceof KhopError)) throw error;
      damaged.push(error.message);
    }
  }
  return { entries, damaged };
}

/** The newest `limit` loads, switches and crashes, how those loads ended and how the way up went; oldest first. */
export function newestEntries(entries: readonly HistoryEntry[], limit: number): HistoryEntry[] {
  const shown = new Set(entries.filter((entry) => !isAddition(entry)).slice(-limit));
  const switches = new Set([...shown].flatMap((entry) => (entry.kind === 'switch' ? [entry.id] : [])));
  const loads = new Set([...shown].flatMap((entry) => (entry.kind === 'load' ? [entry.atMs] : [])));
  return entries.filter((entry) => {
    if (entry.kind === 'arrival') return switches.has(entry.id);
    return entry.kind === 'load-end' ? loads.has(entry.atMs) : shown.has(entry);
  });
}

/** Whether it only says more of an entry before it: of a switch by its id, of a load by its time. */
function isAddition({ kind }: HistoryEntry): boolean {
  return kind === 'arrival' || kind === 'load-end';
}
