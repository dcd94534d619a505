/**
 * What was aimed at for returns, beside what was measured.
 * @module
 */
import type { Goal } from '../goals.ts';
import type { ReturnRow } from '../report.ts';
import { FAULT_CLASSES } from './fault-classes.ts';
import { RETURN_METHODS, type ReturnMethod } from './return-methods.ts';
import { coverageOf, ratiosOf, renderRatio } from './return-tables.ts';

/** How many times sooner than through firmware. */
const LEAST_RATIO = 3;
/** Of the classes that were measured. */
const PEER_MOST = 0.5;
/** Nothing on a machine without a watchdog sees it. */
const BEYOND_HARDWARE = 'hang';

/** Methods and pairs that were not measured are left out. */
export function returnGoals(rows: readonly ReturnRow[]): Goal[] {
  return [
    ...RETURN_METHODS.flatMap((method) => coverageGoals(rows, method)),
    ...RETURN_METHODS.flatMap((method) => ratioGoals(rows, method)),
  ];
}

function coverageGoals(rows: readonly ReturnRow[], { id, title, isKhop }: ReturnMethod): Goal[] {
  const answers = FAULT_CLASSES.filter((fault) => !isKhop || fault.id !== BEYOND_HARDWARE).flatMap(
    (fault) => coverageOf(rows.filter((row) => row.class === fault.id && row.method === id)) ?? [],
  );
  const covered = answers.filter(Boolean).length;
  if (answers.length === 0) return [];
  return [
    {
      title: `faults that lead home, ${title}`,
      aim: isKhop ? 'all that the hardware allows' : 'at most half',
      measured: `${covered} of ${answers.length} measured`,
      isReached: isKhop ? covered === answers.length : covered <= PEER_MOST * answers.length,
    },
  ];
}

function ratioGoals(rows: readonly ReturnRow[], method: ReturnMethod): Goal[] {
  return ratiosOf(rows, method).map((ratio) => ({
    title: `home after: ${ratio.title}, against ${method.title}`,
    aim: `${LEAST_RATIO} times sooner`,
    measured: renderRatio(ratio),
    isReached: ratio.wall >= LEAST_RATIO && ratio.cpu >= LEAST_RATIO,
  }));
}
