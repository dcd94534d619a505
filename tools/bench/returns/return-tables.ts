/**
 * What is known of returns, as tables: a cell for each class and method, and what follows from them.
 * @module
 */
import type { ReturnRow } from '../report.ts';
import { median } from '../statistics.ts';
import { FAULT_CLASSES } from './fault-classes.ts';
import { RETURN_METHODS, type ReturnMethod } from './return-methods.ts';

const BY_KEXEC = 'home by kexec';
const BY_FIRMWARE = 'home by firmware';
const NOT_MEASURED = 'not measured';

/** Time of the host, and CPU time of the emulator: other work on the host changes it less. */
type Clock = 'seconds' | 'cpuSeconds' | 'begunSeconds' | 'begunCpuSeconds';

/** The two moments of a return. */
const MOMENTS = {
  up: { wall: 'seconds', cpu: 'cpuSeconds' },
  begun: { wall: 'begunSeconds', cpu: 'begunCpuSeconds' },
} as const;

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
    [
      'Method',
      'Covered',
      'Of measured',
      'Slower than khop’s return by kexec',
      'The same, to systemd’s first unit',
    ],
    ...methods.map((method) => {
      const measured = FAULT_CLASSES.filter(({ id }) => coverageOf(rowsOf(rows, id, method)) !== undefined);
      const covered = measured.filter(({ id }) => coverageOf(rowsOf(rows, id, method)) === true);
      const ratios = (moment: keyof typeof MOMENTS): string =>
        ratiosOf(rows, method, moment)
          .map((one) => `${one.title} ${renderRatio(one)}`)
          .join(', ') || '-';
      return [method.title, `${covered.length}`, `${measured.length}`, ratios('up'), ratios('begun')];
    }),
  ];
}

/** How many times longer one takes than the other, by both clocks. */
export interface ReturnRatio {
  readonly title: string;
  readonly wall: number;
  readonly cpu: number;
}

/** `3.4 (by CPU time 3.1)`. */
export function renderRatio({ wall, cpu }: ReturnRatio): string {
  return `${wall.toFixed(1)} (by CPU time ${cpu.toFixed(1)})`;
}

/** How many times longer a method takes through its firmware than khop takes by kexec, class by class. */
export function ratiosOf(
  rows: readonly ReturnRow[],
  { id, firmware, isKhop }: Pick<ReturnMethod, 'id' | 'firmware' | 'isKhop'>,
  moment: keyof typeof MOMENTS = 'up',
): ReturnRatio[] {
  if (isKhop) return [];
  const ours = RETURN_METHODS.find((one) => one.isKhop && one.firmware === firmware);
  return FAULT_CLASSES.flatMap(({ id: fault, title }) => {
    const { wall, cpu } = MOMENTS[moment];
    const [khop, other] = [
      { method: ours?.id, outcome: BY_KEXEC },
      { method: id, outcome: BY_FIRMWARE },
    ].map((wanted) =>
      rows.filter(
        (row) =>
          row.class === fault &&
          row.method === wanted.method &&
          row.outcome === wanted.outcome &&
          row[wall] !== undefined,
      ),
    ) as [ReturnRow[], ReturnRow[]];
    if (khop.length === 0 || other.length === 0) return [];
    const ratioBy = (clock: Clock): number => {
      const medianOf = (runs: readonly ReturnRow[]) => median(runs.map((row) => row[clock] ?? 0));
      return medianOf(other) / medianOf(khop);
    };
    return [{ title, wall: ratioBy(wall), cpu: ratioBy(cpu) }];
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
  const moment = ({ wall, cpu }: { readonly wall: Clock; readonly cpu: Clock }): string => {
    const known = measured.filter((row) => row[wall] !== undefined);
    const medianOf = (clock: Clock): string => median(known.map((row) => row[clock] ?? 0)).toFixed(1);
    return known.length === 0 ? 'not noted' : `${medianOf(wall)} s (${medianOf(cpu)} s)`;
  };
  const outcome = measured[0]!.outcome;
  if (outcome === 'stays') return outcome;
  const count = measured.length === 1 ? '' : `, ${measured.length} runs`;
  return `${outcome}: ${moment(MOMENTS.begun)}, ${moment(MOMENTS.up)}${count}`;
}
