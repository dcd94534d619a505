/**
 * What is known of returns, as tables: a cell for each class and method, and what follows from them.
 * @module
 */
import type { ReturnRow } from '../report.ts';
import { median } from '../statistics.ts';
import { FAULT_CLASSES } from './fault-classes.ts';
import { RETURN_METHODS, type ReturnMethod } from './return-methods.ts';

const NOT_MEASURED = 'not measured';

/** One row a class, one column a method. The header first. */
export function returnTable(rows: readonly ReturnRow[]): string[][] {
  const methods = RETURN_METHODS.filter(({ id }) => rows.some((row) => row.method === id));
  return [
    ['Fault', ...methods.map(({ title }) => title)],
    ...FAULT_CLASSES.map(({ id, title }) => [
      title,
      ...methods.map((method) => renderCell(rowsOf(rows, id, method))),
    ]),
  ];
}

/** What one method covers of the classes that it was measured with, and how it compares with khop. */
export function returnSummary(rows: readonly ReturnRow[]): string[][] {
  const methods = RETURN_METHODS.filter(({ id }) => rows.some((row) => row.method === id && !row.error));
  return [
    ['Method', 'Covered', 'Of measured', 'Through firmware, seconds as a multiple of khop’s return by kexec'],
    ...methods.map((method) => {
      const measured = FAULT_CLASSES.filter(({ id }) => coverageOf(rowsOf(rows, id, method)) !== undefined);
      const covered = measured.filter(({ id }) => coverageOf(rowsOf(rows, id, method)) === true);
      const ratios = ratiosOf(rows, method).map(({ title, ratio }) => `${title} ${ratio.toFixed(1)}`);
      return [method.title, `${covered.length}`, `${measured.length}`, ratios.join(', ') || '-'];
    }),
  ];
}

/** How many times longer a method takes through its firmware than khop takes by kexec, class by class. */
export function ratiosOf(
  rows: readonly ReturnRow[],
  { id, firmware, isKhop }: Pick<ReturnMethod, 'id' | 'firmware' | 'isKhop'>,
): { readonly title: string; readonly ratio: number }[] {
  if (isKhop) return [];
  const ours = RETURN_METHODS.find((one) => one.isKhop && one.firmware === firmware);
  return FAULT_CLASSES.flatMap(({ id: fault, title }) => {
    const of = (method: string | undefined, outcome: string): number[] =>
      rows.flatMap((row) =>
        row.class === fault && row.method === method && row.outcome === outcome && row.seconds !== undefined
          ? [row.seconds]
          : [],
      );
    const [khop, other] = [of(ours?.id, 'home by kexec'), of(id, 'home by firmware')];
    return khop.length === 0 || other.length === 0 ? [] : [{ title, ratio: median(other) / median(khop) }];
  });
}

/** One run, in words. */
export function describeReturn({ outcome, seconds }: ReturnRow): string {
  return seconds === undefined ? outcome : `${outcome}, ${seconds.toFixed(1)} s`;
}

function rowsOf(rows: readonly ReturnRow[], fault: string, { id }: Pick<ReturnMethod, 'id'>): ReturnRow[] {
  return rows.filter((row) => row.class === fault && row.method === id);
}

/** Every run that was measured came home; undefined: none was measured. */
export function coverageOf(runs: readonly ReturnRow[]): boolean | undefined {
  const measured = runs.filter(({ error }) => error === undefined);
  return measured.length === 0 ? undefined : measured.every(({ covered }) => covered === true);
}

function renderCell(runs: readonly ReturnRow[]): string {
  const measured = runs.filter(({ error }) => error === undefined);
  const missed = measured.find(({ covered }) => !covered);
  if (measured.length === 0) return NOT_MEASURED;
  if (missed !== undefined) return `not covered (${missed.outcome})`;
  const seconds = median(measured.map((row) => row.seconds ?? 0));
  const count = measured.length === 1 ? '' : `, ${measured.length} runs`;
  return `${seconds.toFixed(1)} s, ${measured[0]!.outcome}${count}`;
}
