/**
 * `npm run bench`: how long a machine is away while it switches kernels.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { renderTable } from '../src/cli/render/table.ts';
import { type KernelLine, labKernel } from '../src/lab/kernel-store.ts';
import { runProcess } from '../src/machine/run-process.ts';
import { VERSION } from '../src/version.ts';
import { type BenchOptions, HELP, parseOptions } from './bench/bench-options.ts';
import { renderChart } from './bench/chart.ts';
import { measureRecovery } from './bench/crash-recovery.ts';
import { FIRMWARE_WAYS } from './bench/firmware.ts';
import { measureKernel } from './bench/kernel-result.ts';
import { measureLoadStep } from './bench/load-step.ts';
import { METHODS } from './bench/methods.ts';
import { renderPage } from './bench/page.ts';
import {
  type BenchReport,
  type Findings,
  failuresOf,
  type LoadStepResult,
  makeReport,
  mergeKernel,
  mergeResult,
  parseReport,
  type ReturnRow,
  stampCommit,
} from './bench/report.ts';
import { measureReturn } from './bench/returns/measure-return.ts';
import { renderReturnPage } from './bench/returns/return-page.ts';
import { describeReturn, returnSummary, returnTable } from './bench/returns/return-tables.ts';
import { measureServiceDowntime } from './bench/service-downtime.ts';
import { measureStartUp } from './bench/start-up.ts';
import {
  blackoutTable,
  downtimeTable,
  loadStepTable,
  phaseTable,
  recoveryTable,
} from './bench/text-report.ts';
import { runTool } from './run-tool.ts';

/** Of the methods in the report. */
const ORDER = [...METHODS, ...FIRMWARE_WAYS].map(({ id }) => id);

const ROOT = join(import.meta.dirname, '..');

const started = performance.now();
await runTool({ parse: parseOptions, help: HELP, run: main });

async function main(options: BenchOptions): Promise<number> {
  const report = await measure(options);
  print(report);
  if (options.hasDocs) await writeDocuments(report);
  const failures = failuresOf(report);
  for (const failure of failures) progress(`not measured: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

async function measure(wanted: BenchOptions): Promise<BenchReport> {
  const known = wanted.add === undefined ? undefined : parseReport(await readFile(wanted.add, 'utf8'));
  // Whoever renders a report again has measured nothing, here and today.
  if (known !== undefined && wanted.sections.size === 0) return makeReport(known, known);
  const origin = {
    khop: VERSION,
    date: new Date().toISOString(),
    qemu: await firstLine('qemu-system-x86_64', ['--version']),
    host: cpus()[0]?.model ?? 'an unknown processor',
  };
  const commit = await commitName();
  let findings: Findings = known ?? { kernels: {} };
  // A run of an hour that is interrupted leaves what it has.
  const keep = async (more: Partial<Findings>): Promise<void> => {
    findings = { ...findings, ...more };
    if (wanted.json !== undefined)
      await writeFile(wanted.json, `${JSON.stringify(makeReport(origin, findings), null, 2)}\n`);
  };
  for (const line of wanted.lines)
    await keep({
      kernels: {
        ...findings.kernels,
        [line]: mergeKernel(
          findings.kernels[line],
          stampCommit(await measureLine(wanted, line), commit),
          ORDER,
        ),
      },
    });
  for (const initrdMib of wanted.loadSizes)
    for (const method of wanted.methods) {
      const found = await measureLoadStep(await labKernel('6.1'), method, initrdMib);
      progress(`load ${found.title}, ${initrdMib} MiB: ${found.error ?? `${found.use?.cpuMs} ms`}`);
      const nameOf = (one: LoadStepResult): string => `${one.id} ${one.initrdMib}`;
      await keep({ loadStep: mergeResult(findings.loadStep, found, nameOf) });
    }
  for (const method of wanted.downtimeMethods) {
    const found = await measureServiceDowntime(method, wanted.repetitions, progress);
    await keep({ downtime: mergeResult(findings.downtime, found, ({ id }) => id) });
  }
  for (const method of wanted.guardMethods)
    for await (const found of measureRecovery(method, wanted.repetitions, progress))
      await keep({ recovery: mergeResult(findings.recovery, found, ({ id }) => id) });
  for (const method of wanted.returnMethods)
    for (const fault of wanted.classes)
      for (let run = 1; run <= wanted.repetitions; run++) {
        const found = await measureReturn(method, fault, run);
        progress(`${fault.title}, ${method.title}: ${describeReturn(found)}`);
        const nameOf = (row: ReturnRow): string => `${row.class} ${row.method} ${row.run}`;
        await keep({ returns: mergeResult(findings.returns, found, nameOf) });
      }
  if (wanted.sections.has('start')) await keep({ startUp: await measureStartUp(ROOT) });
  return makeReport(origin, findings);
}

async function measureLine(wanted: BenchOptions, line: KernelLine) {
  const { sections, methods, repetitions } = wanted;
  return await measureKernel({
    kernel: await labKernel(line),
    methods: sections.has('blackout') ? methods : [],
    firmware: sections.has('firmware') ? wanted.ways : [],
    phasesOf: sections.has('phases') ? methods.filter(({ hasPhases }) => hasPhases) : [],
    repetitions,
    progress,
  });
}

function print({ kernels, loadStep, startUp, downtime, recovery, returns }: BenchReport): void {
  for (const [line, result] of Object.entries(kernels)) {
    printTable(`Blackout with Linux ${line} (${result.release}), guest instructions`, blackoutTable(result));
    if (Object.keys(result.phases).length > 0) printTable('Where they go', phaseTable(result));
  }
  if (loadStep !== undefined) printTable('Loading, before the blackout', loadStepTable(loadStep));
  if (downtime !== undefined) printTable('A service of the full machine', downtimeTable(downtime));
  if (recovery !== undefined) printTable('After a panic of the full machine', recoveryTable(recovery));
  if (returns !== undefined) {
    printTable('From a fault to the known-good kernel', returnTable(returns));
    printTable('What is covered', returnSummary(returns));
  }
  if (startUp !== undefined)
    console.log(
      `\nkhop --version ${startUp.khopVersionMs.toFixed(0)} ms, node -e 0 ${startUp.bareNodeMs.toFixed(0)} ms`,
    );
}

function printTable(title: string, rows: readonly (readonly string[])[]): void {
  console.log(`\n${title}\n${renderTable(rows)}`);
}

async function writeDocuments(made: BenchReport): Promise<void> {
  const docs = join(ROOT, 'docs');
  const { returns, ...others } = made;
  if (returns !== undefined) {
    // Of a run of its own, on another host or another day.
    const alone = makeReport(made, { kernels: {}, returns });
    await writeFile(join(docs, 'returns.json'), `${JSON.stringify(alone, null, 2)}\n`);
    await writeFile(join(docs, 'returns.md'), renderReturnPage(alone));
  }
  const { kernels, loadStep, downtime, recovery, startUp } = others;
  const isEmpty = [loadStep, downtime, recovery, startUp].every((section) => section === undefined);
  if (returns !== undefined && isEmpty && Object.keys(kernels).length === 0) return;
  await writeFile(join(docs, 'benchmark.json'), `${JSON.stringify(others, null, 2)}\n`);
  await writeFile(join(docs, 'benchmark.md'), renderPage(others));
  const [first] = Object.entries(kernels);
  if (first !== undefined) await writeFile(join(docs, 'benchmark.svg'), renderChart(...first));
}

/** Of this tree, with `-dirty` where it has changes; undefined outside of a repository. */
async function commitName(): Promise<string | undefined> {
  const options = { timeoutMs: 20_000, cwd: ROOT };
  return await runProcess(
    'git',
    ['describe', '--always', '--dirty', '--exclude=*', '--abbrev=10'],
    options,
  ).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

async function firstLine(file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await runProcess(file, args, { timeoutMs: 20_000 });
  return stdout.split('\n')[0] ?? '';
}

function progress(text: string): void {
  process.stderr.write(`[${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s] ${text}\n`);
}
