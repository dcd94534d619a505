/**
 * How a trial stands: the ticket, and what the agent last said of its checks, which is /run/khop/trial-status.json. The
 * agent writes that file whenever something changes; it decides nothing, so a damaged one is as good as none.
 * @module
 */
import * as v from 'valibot';
import { KhopError } from '../error.ts';
import type { MachineFacts } from '../machine/facts.ts';
import { valueOf } from '../machine/reading.ts';
import type { LostTrialEntry, SwitchHistoryEntry } from '../switch/history.ts';
import { readHistory } from '../switch/read-history.ts';
import { decodeState } from '../switch/ticket.ts';
import type { Folders, SwitchWorld } from '../switch/world.ts';
import { readTrialPlace, type TrialTicket } from './read-trial.ts';

export const TRIAL_STATUS_VERSION = 1;

const TrialStatus = v.object({
  version: v.literal(TRIAL_STATUS_VERSION),
  /** One of TRIAL_PHASES. */
  phase: v.string(),
  /** Since the kernel's start, ms: when this was written, and when the phase has to be over. */
  upMs: v.number(),
  deadlineUpMs: v.nullable(v.number()),
  checks: v.array(
    v.object({
      id: v.string(),
      /** The phase that it belongs to. */
      phase: v.string(),
      /** `failed`: for good, as far as this check can say. */
      state: v.picklist(['waiting', 'passed', 'failed']),
      /** Whether its failure leads home. */
      isRequired: v.boolean(),
      /** One line; scripts may have said some. */
      detail: v.string(),
      /** What a person can do about it. */
      remedy: v.optional(v.string()),
    }),
  ),
  /** What is missing of the ways home, one sentence each. */
  gaps: v.optional(v.array(v.string()), []),
  /** One sentence on what the agent waits for; null when there is nothing to say. */
  note: v.nullable(v.string()),
});

/** Versioned. */
export type TrialStatus = v.InferOutput<typeof TrialStatus>;

/** Gone at the next boot, as the trial is. */
export function trialStatusPath(folders: Folders): string {
  return `${folders.run}/trial-status.json`;
}

export function encodeTrialStatus(status: TrialStatus): string {
  return `${JSON.stringify(status, null, 2)}\n`;
}

/** @throws E_STATE, see `decodeState` */
export function decodeTrialStatus(text: string, path: string): TrialStatus {
  return decodeState(text, path, TrialStatus, TRIAL_STATUS_VERSION);
}

/** Answer of `khop trial`. */
export interface TrialView {
  /**
   * `on-trial`: this kernel is. `leaving`: the way there has begun. `unconcluded`: this is home, and `khop arrive` has
   * not run yet. `unreadable`: the ticket cannot be read. `none`: no trial.
   */
  readonly state: 'none' | 'leaving' | 'on-trial' | 'unconcluded' | 'unreadable';
  readonly id: string | null;
  /** The kernel on trial, and the one to come home to. */
  readonly title: string | null;
  readonly homeTitle: string | null;
  readonly phase: string | null;
  readonly needsConfirm: boolean;
  readonly upMs: number | null;
  /** ms until the agent goes home; null when there is no deadline, or none is known. Never less than 0. */
  readonly bootLeftMs: number | null;
  readonly phaseLeftMs: number | null;
  readonly leftMs: number | null;
  /** What the agent last said; null before it has said anything. */
  readonly status: TrialStatus | null;
  /** One sentence for each file that could not be read. */
  readonly damaged: readonly string[];
  /** The newest trial that is over. */
  readonly last: SwitchHistoryEntry | LostTrialEntry | null;
}

/** Never throws for damaged state. */
export function describeTrial(world: SwitchWorld, machine: MachineFacts): TrialView {
  const found = readTrialPlace(world, machine);
  const damaged: string[] = [];
  const last =
    readHistory(world).entries.findLast(
      (entry): entry is SwitchHistoryEntry | LostTrialEntry =>
        entry.kind === 'trial-lost' || (entry.kind === 'switch' && (entry.trial ?? null) !== null),
    ) ?? null;
  if (found.place === 'none') return { ...NO_TRIAL, last };
  if (found.place === 'unreadable')
    return { ...NO_TRIAL, state: 'unreadable', damaged: [found.reason], last };
  const upMs = valueOf(machine.uptimeMs) ?? null;
  const isOnTrial = found.place === 'on-trial';
  const status = isOnTrial ? readTrialStatus(world, damaged) : undefined;
  const clock = isOnTrial ? upMs : null;
  const { deadlineSeconds, confirmSeconds } = found.ticket.trial;
  const phaseLeftMs =
    status?.deadlineUpMs == null || clock === null ? null : Math.max(0, status.deadlineUpMs - clock);
  return {
    state: found.place === 'home' ? 'unconcluded' : found.place,
    ...describeTicket(found.ticket),
    upMs: clock,
    bootLeftMs:
      found.ticket.trial.phase === 'jumping' ? left(found.ticket.trial.bootDeadlineSeconds, clock) : null,
    phaseLeftMs,
    // The last phase ends with the trial. Before it, this is the latest that it can be.
    leftMs:
      status?.phase === 'proof' && phaseLeftMs !== null
        ? phaseLeftMs
        : left(deadlineSeconds + (confirmSeconds ?? 0), clock),
    status: status ?? null,
    damaged,
    last,
  };
}

const NO_TRIAL: TrialView = {
  ...{ state: 'none', id: null, title: null, homeTitle: null, phase: null, needsConfirm: false, upMs: null },
  ...{ bootLeftMs: null, phaseLeftMs: null, leftMs: null, status: null, damaged: [], last: null },
};

function describeTicket({ id, toTitle, trial }: TrialTicket) {
  const { phase, needsConfirm, home } = trial;
  return { id, title: toTitle, homeTitle: home.title, phase, needsConfirm };
}

function left(seconds: number, upMs: number | null): number | null {
  return upMs === null ? null : Math.max(0, seconds * 1000 - upMs);
}

function readTrialStatus(world: SwitchWorld, damaged: string[]): TrialStatus | undefined {
  const path = trialStatusPath(world.folders);
  try {
    const text = world.files.read(path);
    return text === undefined ? undefined : decodeTrialStatus(text, path);
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    damaged.push(error.message);
    return undefined;
  }
}

/** Whether the newest trial is over and did not end on the kernel that was tried. */
export function hasReturned({ state, last }: TrialView): boolean {
  if (state !== 'none' || last === null) return false;
  return last.kind === 'trial-lost' || last.trial?.verdict === 'returned';
}

/**
 * Views of a trial as it goes on: the first at once, then one whenever something other than the time has changed. Ends
 * with the view in which it is over, or is no longer watched.
 */
export async function* followTrial(
  world: SwitchWorld,
  wait: (ms: number) => Promise<void>,
): AsyncGenerator<TrialView, void, undefined> {
  let before = '';
  // Every trial ends by itself: at its deadline the machine goes home, and this program ends with it.
  for (;;) {
    const view = describeTrial(world, world.readMachine());
    const { phase, state, status, damaged, last } = view;
    const now = JSON.stringify([phase, state, status?.checks, status?.gaps, status?.note, damaged, last]);
    if (now !== before) yield view;
    before = now;
    if (state !== 'on-trial' || world.signal.aborted) return;
    await wait(FOLLOW_MS);
  }
}

const FOLLOW_MS = 1000;
