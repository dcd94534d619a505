/**
 * When going home leads nowhere: the same crash again and again. Counted are the crashes that are on record, and the
 * returns that the command line tells of, since a disk may be what is broken; but no crash that was asked for.
 *
 * A machine without a clock that runs on when it is off starts in the past, and crashes that it has recorded with the
 * right time are in its future. Such a one is as far away as one that is as long ago. A loop does not get lost by that:
 * its crashes are recorded by the same wrong clock, or they are returns that are not on record.
 * @module
 */
import type { CrashHistoryEntry, History } from '../switch/history.ts';
import { type GuardReturn, returnsWithin } from './guard-return.ts';

/** The same crash so often within the window is a loop. */
const SAME_CRASHES = 2;
/** So many are one whatever they are. */
const ANY_CRASHES = 6;

/** What is known when a guard is armed. */
export interface LoopQuestion {
  readonly history: History;
  readonly guardReturn: GuardReturn | undefined;
  /** Of the running kernel. */
  readonly release: string | undefined;
  readonly nowMs: number;
  readonly windowMs: number;
}

/** Which way home would be a loop. */
export interface CrashLoop {
  /** Releases that died in it. */
  readonly releases: readonly string[];
  /** One sentence. */
  readonly reason: string;
}

/** Undefined when there is none. A crash of which nothing is known is like any other of which nothing is known. */
export function findCrashLoop(question: LoopQuestion): CrashLoop | undefined {
  const { history, release, nowMs, windowMs } = question;
  const recorded = history.entries.filter(
    (entry): entry is CrashHistoryEntry => entry.kind === 'crash' && Math.abs(nowMs - entry.atMs) <= windowMs,
  );
  const crashes = recorded.filter(({ isAskedFor }) => isAskedFor !== true);
  const within = `within ${Math.round(windowMs / 60_000)} min`;
  const running = release === undefined ? [] : [release];
  const repeated = [...groupBySameness(crashes).values()].filter(({ length }) => length >= SAME_CRASHES);
  const [worst] = repeated.sort((a, b) => b.length - a.length);
  if (worst !== undefined)
    return {
      releases: [...new Set(repeated.flatMap(([first]) => first!.release ?? running))],
      reason: `${worst[0]!.release ?? 'an unnamed kernel'} died ${worst.length} times ${within} in the same way: ${worst[0]!.summary}`,
    };
  // Who tests the guard comes home as well.
  const tests = recorded.length - crashes.length;
  const returns = Math.max(0, returnsWithin(question.guardReturn, question) - tests);
  if (returns >= SAME_CRASHES && crashes.length < returns)
    return {
      releases: running,
      reason: `the machine came home ${returns} times ${within}, and ${crashes.length === 0 ? 'none' : `only ${crashes.length}`} of the crashes is on record`,
    };
  if (Math.max(returns, crashes.length) < ANY_CRASHES) return undefined;
  return {
    releases: [...new Set(crashes.flatMap((crash) => crash.release ?? []))],
    reason: `${Math.max(returns, crashes.length)} crashes ${within}`,
  };
}

function groupBySameness(crashes: readonly CrashHistoryEntry[]): Map<string, CrashHistoryEntry[]> {
  const groups = new Map<string, CrashHistoryEntry[]>();
  for (const crash of crashes) {
    const key = `${crash.release} ${crash.fingerprint}`;
    groups.set(key, [...(groups.get(key) ?? []), crash]);
  }
  return groups;
}

/** Releases that were seen well, the latest first: a switch arrived there, or left from there in order. */
export function knownGoodReleases({ entries }: History): string[] {
  const seen = entries.toReversed().flatMap((entry) => {
    if (entry.kind !== 'switch' || entry.outcome !== 'arrived') return [];
    return [entry.arrivedRelease ?? entry.toRelease, entry.fromRelease].filter((name) => name !== null);
  });
  return [...new Set(seen)];
}
