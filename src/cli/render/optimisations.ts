/**
 * What became of each optimisation of --fast, one line each, and the price of those that have one.
 * @module
 */
import type { Optimisation } from '../../switch/fast.ts';
import type { CliContext } from '../context.ts';
import { renderTable } from './table.ts';

/** The used ones first; what could not be used says why. */
export function renderOptimisations(
  optimisations: readonly Optimisation[],
  context: Pick<CliContext, 'style'>,
): string {
  const rows = [...optimisations]
    .sort((a, b) => Number(b.isUsed) - Number(a.isUsed))
    .flatMap(({ name, isUsed, detail, prices }) => [
      [isUsed ? context.style('green', 'fast') : context.style('yellow', 'not fast'), name, detail],
      ...(prices ?? []).map((price) => ['', '', price]),
    ]);
  return renderTable(rows);
}
