/**
 * `npm run chaos`: faults made on purpose, and how they end.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../src/error.ts';
import { guardCases } from './chaos/guard/cases.ts';
import { runGuardCase } from './chaos/guard/run-case.ts';
import { type ChaosOptions, HELP, parseOptions } from './chaos/options.ts';
import { type ChaosRow, isAsExpected, renderRows } from './chaos/row.ts';
import { trialCases } from './chaos/trial/cases.ts';
import { runGoodSwitches } from './chaos/trial/good-switches.ts';
import { runTrialCase } from './chaos/trial/run-case.ts';
import { runTool } from './run-tool.ts';

const started = performance.now();
await runTool({ parse: parseOptions, help: HELP, run: main });

async function main(options: ChaosOptions): Promise<number> {
  const chosen = choose(options);
  if (options.isList) {
    for (const found of chosen) console.log(lineOf(found));
    return 0;
  }
  const isFastGood = !options.suites.includes('fast') || runFast();
  const rows = await runCases(chosen, options);
  await runGood(options, rows);
  if (rows.length > 0) console.log(renderRows(rows, elapsedSeconds()));
  return isFastGood && rows.every(isAsExpected) ? 0 : 1;
}

/** A fault, ready to be made. */
interface ChaosCase {
  readonly suite: string;
  readonly title: string;
  readonly firmware: string;
  readonly expected: string;
  readonly run: () => Promise<ChaosRow>;
}

function allCases(): ChaosCase[] {
  return [
    ...guardCases().map((each) => ({ ...titleOf('guard', each), run: () => runGuardCase(each) })),
    ...trialCases().map((each) => ({ ...titleOf('trial', each), run: () => runTrialCase(each) })),
  ];
}

function titleOf(
  suite: string,
  {
    name,
    point,
    bed,
    expected,
  }: Pick<ReturnType<typeof trialCases>[number], 'name' | 'point' | 'expected'> & {
    readonly bed: { readonly firmware: string };
  },
) {
  return { suite, title: `${name}, ${point}`, firmware: bed.firmware, expected };
}

/** @throws E_USAGE when there is none */
function choose({ suites, cases, firmware: wanted }: ChaosOptions): readonly ChaosCase[] {
  const asked = new Set<string>(suites);
  const chosen = allCases().filter(
    (found) =>
      asked.has(found.suite) &&
      (cases.length === 0 || cases.some((beginning) => isCalledSo(found, beginning))) &&
      (wanted === undefined || found.firmware === wanted),
  );
  if (chosen.length > 0 || suites.every((suite) => suite === 'fast' || suite === 'good')) return chosen;
  throw new KhopError('E_USAGE', 'no case is meant by these options', {
    hint: 'Their names: npm run chaos -- --list',
  });
}

/** By the line of --list, or without the suite before it. */
function isCalledSo(found: ChaosCase, beginning: string): boolean {
  return lineOf(found).startsWith(beginning) || found.title.startsWith(beginning);
}

function lineOf({ suite, title, firmware, expected }: ChaosCase): string {
  return `${suite}: ${title} (${firmware}): ${expected}`;
}

/** Each job takes the next case; the rows are in the order of the cases. */
async function runCases(cases: readonly ChaosCase[], { jobs, json }: ChaosOptions): Promise<ChaosRow[]> {
  const found: (ChaosRow | undefined)[] = cases.map(() => undefined);
  const rows = (): ChaosRow[] => found.filter((row) => row !== undefined);
  const waiting = cases.entries();
  const work = async (): Promise<void> => {
    for (const [index, each] of waiting) {
      const row = await each.run();
      found[index] = row;
      tell(row);
      keep(rows(), json);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return rows();
}

/** Each firmware has a machine in which one switch follows the other. @param rows that there are; these are added */
async function runGood(
  { suites, firmware: wanted, jobs, switches, json }: ChaosOptions,
  rows: ChaosRow[],
): Promise<void> {
  if (!suites.includes('good')) return;
  const waiting = (['seabios', 'ovmf'] as const)
    .filter((each) => wanted === undefined || each === wanted)
    .values();
  const work = async (): Promise<void> => {
    for (const firmware of waiting)
      await runGoodSwitches({ firmware, hasWatchdog: false }, switches, (row) => {
        rows.push(row);
        tell(row);
        keep(rows, json);
      });
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

/** A run of an hour that is interrupted leaves what it has. */
function keep(rows: readonly ChaosRow[], json: string | undefined): void {
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
}

function tell(row: ChaosRow): void {
  const { case: name, point, outcome, seconds, cause } = row;
  progress(
    `${isAsExpected(row) ? 'ok  ' : 'FAIL'} ${name}, ${point}: ${outcome}, ${seconds.toFixed(1)} s (${cause})`,
  );
}

/** The suite is a test file of its own. */
function runFast(): boolean {
  const script = join(import.meta.dirname, 'test.ts');
  const { status } = spawnSync(process.execPath, [script, '--chaos', 'fast-chain'], { stdio: 'inherit' });
  return status === 0;
}

function progress(text: string): void {
  process.stderr.write(`[${elapsedSeconds().toFixed(0).padStart(5)} s] ${text}\n`);
}

function elapsedSeconds(): number {
  return (performance.now() - started) / 1000;
}
