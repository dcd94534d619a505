/**
 * Differences between two plans as text.
 * @module
 */
import type { PlanDifference } from '../../plan/plan-json.ts';
import type { CliContext } from '../context.ts';

/** Two lines a difference: `-` what the other plan has, `+` what this one has. */
export function renderPlanDifferences(
  differences: readonly PlanDifference[],
  context: Pick<CliContext, 'style'>,
): string {
  if (differences.length === 0) return 'The plans are the same.';
  return differences
    .map(({ path, before, after }) =>
      [
        context.style('bold', path),
        context.style('red', `  - ${show(before)}`),
        context.style('green', `  + ${show(after)}`),
      ].join('\n'),
    )
    .join('\n');
}

function show(value: unknown): string {
  return value === undefined ? '(not there)' : typeof value === 'string' ? value : JSON.stringify(value);
}
