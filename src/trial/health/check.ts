/**
 * What a check of a kernel on trial is, and how one compares the time before the jump with now.
 * @module
 */
import type { Reading } from '../../machine/reading.ts';
import type { TrialPhase } from '../trial-words.ts';
import type { Baseline, Recorded } from './baseline.ts';
import type { HealthSettings } from './settings.ts';
import type { HealthWorld } from './world.ts';

/** Phases that end when their required checks have passed. */
export type CheckPhase = Extract<TrialPhase, 'system' | 'network' | 'services'>;

/** When checks are asked. In the phase of the proof those of the system are watched, and none has to pass. */
export type AskingPhase = CheckPhase | 'proof';

/** What a check found. */
export interface CheckOutcome {
  /** `waiting`: may still come, so ask again; `failed`: waiting will not help. */
  readonly state: 'passed' | 'waiting' | 'failed';
  /** What was found, in one line, or some for scripts. */
  readonly detail: string;
  /** What a person can do about it. */
  readonly remedy?: string;
}

/** What a check found, and what that counts for. */
export interface CheckResult extends CheckOutcome {
  readonly id: string;
  readonly phase: CheckPhase;
  /** False: it is reported, and fails no trial. */
  readonly isRequired: boolean;
}

/** What a check looks at. */
export interface CheckInput {
  readonly world: HealthWorld;
  readonly baseline: Baseline;
  readonly settings: HealthSettings;
}

/** One check. Its id stands in khop.conf, in reports and in docs/trial-checks.md, so it does not change. */
export interface HealthCheck {
  readonly id: string;
  readonly phase: CheckPhase;
  readonly isRequired: boolean;
  /** Only once all other required checks of the phase have passed: it costs, or needs a system that is up. */
  readonly isLast?: true;
  /** It says that something has come to pass, and is not asked again in later phases. */
  readonly isOnce?: true;
  readonly run: (input: CheckInput) => CheckOutcome | Promise<CheckOutcome>;
}

/**
 * What `judge` says of before and now. What cannot be read now is not healthy, whatever was before; what was unknown
 * or absent before is not compared, and the detail says so.
 * @param unreadable `waiting` where the source itself may still come
 */
export function compare<T, U>(
  before: Recorded<T>,
  now: Reading<U>,
  judge: (before: T, now: U) => CheckOutcome,
  unreadable: 'waiting' | 'failed' = 'failed',
): CheckOutcome {
  if (now.state === 'unreadable') return notReadable(now, unreadable);
  if (before.state === 'unknown') return passed(`unknown before, so not compared: ${before.reason}`);
  if (before.state === 'absent') return passed('not there before, so not compared');
  if (now.state === 'absent')
    return { state: unreadable, detail: `${now.source} was there before, and is not now` };
  return judge(before.value, now.value);
}

/** What cannot be read counts as not healthy. */
export function notReadable(
  now: Extract<Reading<unknown>, { state: 'unreadable' }>,
  state: 'waiting' | 'failed' = 'failed',
): CheckOutcome {
  return { state, detail: `${now.source} cannot be read: ${now.reason}` };
}

/** @param detail what is as it should be */
export function passed(detail: string): CheckOutcome {
  return { state: 'passed', detail };
}

/** Passed when there are no problems, else `state` with all of them. */
export function outcomeOf(
  problems: readonly string[],
  state: 'waiting' | 'failed',
  fine: string,
  remedy?: string,
): CheckOutcome {
  if (problems.length === 0) return passed(fine);
  return { state, detail: problems.join('; '), ...(remedy === undefined ? {} : { remedy }) };
}
