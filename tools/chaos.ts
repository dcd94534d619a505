/**
 * `npm run chaos`: faults made on purpose, and how they end.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../src/error.ts';
import { ERROR_CODES } from '../src/error-codes.ts';
import { type GuardCase, guardCases } from './chaos/guard/cases.ts';
import { runGuardCase } from './chaos/guard/run-case.ts';
import { type ChaosOptions, HELP, parseOptions } from './chaos/options.ts';
import { type ChaosRow, isAsExpected, renderRows } from './chaos/row.ts';

const started = performance.now();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof KhopError)) throw error;
  console.error(`${error.message}\n${error.hint}`);
  process.exitCode = ERROR_CODES[error.code].exitStatus;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options === 'help') {
    console.log(HELP);
    return 0;
  }
  const chosen = options.suites.includes('guard') ? choose(options) : [];
  if (options.isList) {
    for (const { name, point, bed, expected } of chosen)
      console.log(`${name}, ${point} (${bed.firmware}): ${expected}`);
    return 0;
  }
  const isFastGood = !options.suites.includes('fast') || runFast();
  const rows = await runGuard(chosen, options.json);
  if (rows.length > 0) console.log(renderRows(rows));
  return isFastGood && rows.every(isAsExpected) ? 0 : 1;
}

/** @throws E_USAGE when there is none */
function choose({ cases, firmware }: ChaosOptions): readonly GuardCase[] {
  const chosen = guardCases().filter(
    ({ name, point, bed }) =>
      (cases.length === 0 || cases.some((beginning) => `${name}, ${point}`.startsWith(beginning))) &&
      (firmware === undefined || bed.firmware === firmware),
  );
  if (chosen.length > 0) return chosen;
  throw new KhopError('E_USAGE', 'no case is meant by these options', {
    hint: 'Their names: npm run chaos -- --list',
  });
}

/** One machine at a time: seconds are to be those of the machine, and two cores are soon used up. */
async function runGuard(cases: readonly GuardCase[], json: string | undefined): Promise<ChaosRow[]> {
  const rows: ChaosRow[] = [];
  for (const each of cases) {
    const row = await runGuardCase(each);
    rows.push(row);
    progress(
      `${isAsExpected(row) ? 'ok  ' : 'FAIL'} ${row.case}, ${row.point}: ${row.outcome}, ${row.seconds.toFixed(1)} s (${row.cause})`,
    );
    // A run of an hour that is interrupted leaves what it has.
    if (json !== undefined) await writeFile(json, `${JSON.stringify(rows, null, 2)}\n`);
  }
  return rows;
}

/** The suite is a test file of its own. */
function runFast(): boolean {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'test.ts'), '--chaos'], {
    stdio: 'inherit',
  });
  return status === 0;
}

function progress(text: string): void {
  process.stderr.write(`[${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s] ${text}\n`);
}
