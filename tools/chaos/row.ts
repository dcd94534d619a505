/**
 * What chaos found out: one row for each fault that was made.
 * @module
 */
import { renderTable } from '../../src/cli/render/table.ts';

/** One fault and how it ended. The JSON file is a list of these. */
export type ChaosRow = (FaultRow & { readonly suite: 'guard' | 'good' }) | TrialRow;

/** One of a kernel on trial. */
export interface TrialRow extends FaultRow {
  readonly suite: 'trial';
  /** Whether the machine had a hardware watchdog. */
  readonly watchdog: boolean;
}

/** What all of them have. */
interface FaultRow {
  readonly case: string;
  /** Where in the chain the fault was made. */
  readonly point: string;
  readonly firmware: string;
  /** What happened, in words; see `isAsExpected`. */
  readonly outcome: string;
  readonly expected: string;
  /** What the machine says of it. */
  readonly cause: string;
  /** From the fault until the known-good kernel answered, or until waiting for it was given up. */
  readonly seconds: number;
}

/** Between outcomes of which each is right. */
const OR = ' or ';

/** What a row expects where any of `outcomes` is right. */
export function anyOf(outcomes: readonly string[]): string {
  return outcomes.join(OR);
}

/** `home by kexec` expects both `home by kexec with report` and `home by kexec without report`. */
export function isAsExpected({ outcome, expected }: ChaosRow): boolean {
  return expected.split(OR).some((each) => outcome === each || outcome.startsWith(`${each} `));
}

const HEADINGS = ['', 'CASE', 'POINT', 'FIRMWARE', 'OUTCOME', 'SECONDS', 'CAUSE'];
const CAUSE_LENGTH = 80;

/** The table, and the totals below it. @param seconds that all of it took */
export function renderRows(rows: readonly ChaosRow[], seconds: number): string {
  const cells = rows.map((row) => [
    isAsExpected(row) ? 'ok' : 'FAIL',
    row.case,
    row.point,
    row.firmware,
    isAsExpected(row) ? row.outcome : `${row.outcome} (expected: ${row.expected})`,
    row.seconds.toFixed(1),
    row.cause.slice(0, CAUSE_LENGTH),
  ]);
  const good = rows.filter(isAsExpected).length;
  const totals = `${rows.length} cases in ${seconds.toFixed(0)} s: ${good} as expected, ${rows.length - good} not`;
  return `${renderTable([HEADINGS, ...cells])}\n${totals}`;
}
