/**
 * The row of a trial.
 * @module
 */
import type { TrialRow } from '../row.ts';
import type { TrialCase } from './cases.ts';
import type { TrialEnd } from './trial-end.ts';

/** What was to happen, and what did. */
export function trialRow(each: TrialCase, { outcome, cause, seconds }: TrialEnd): TrialRow {
  const { name, point, bed, expected } = each;
  return {
    ...{ suite: 'trial', case: name, point, firmware: bed.firmware, watchdog: bed.hasWatchdog },
    outcome,
    expected: each.cause === undefined ? expected : `${expected}, ${each.cause}`,
    cause,
    seconds: Math.round(seconds * 10) / 10,
  };
}
