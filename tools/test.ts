/**
 * `npm test`: the checks, the unit tests, then the tests in virtual machines. The last line counts them all.
 *
 *   npm test                    everything
 *   npm test -- --unit          checks and unit tests
 *   npm test -- --vm            virtual machine tests
 *   npm test -- --chaos         long tests, test/chaos; with fast-chain: npm run chaos -- fast
 *   npm test -- WORD            only test files whose path has WORD in it
 * @module
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { runChecks } from './check/checks.ts';
import { describeFailure } from './failed-test.ts';

const ROOT = join(import.meta.dirname, '..');
/** The whole run has to fit into CI's time, caches empty. */
const FILE_TIMEOUT_MS = (process.argv.includes('--chaos') ? 120 : 20) * 60_000;

/**
 * These take longest: they start first, so that none of them is left to run alone at the end. While `trial` makes the full
 * machine, `switch` has work that needs none.
 */
const LONGEST_FIRST = [
  ...['trial', 'switch', 'fast-switch', 'guard-full', 'guard-dump', 'guard-return'],
  ...['arm64-machine', 'guard-image', 'orderly-switch', 'segment-kinds', 'full-machine', 'package'],
  ...['trimmed-initramfs', 'trial-end', 'guard-targets'],
];

/** What was counted. */
interface Tally {
  passed: number;
  failed: number;
  readonly skipped: string[];
}

const started = performance.now();
const tally: Tally = { passed: 0, failed: 0, skipped: [] };
const KINDS = ['--unit', '--vm', '--chaos'];
const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const only = process.argv.slice(2).find((word) => KINDS.includes(word));
const unknown = process.argv.slice(2).find((word) => word.startsWith('-') && !KINDS.includes(word));
if (unknown !== undefined) {
  console.error(
    `npm test has no option ${unknown}: one of ${KINDS.join(', ')}, and words of the paths of test files`,
  );
  process.exit(2);
}

if (only !== '--vm' && only !== '--chaos' && words.length === 0) await checkAll();
const isChaos = (file: string) => file.startsWith('test/chaos/');
const all = globSync('test/**/*.test.ts', { cwd: ROOT })
  .sort()
  .filter((file) => isChaos(file) === (only === '--chaos'));
const chosen = all.filter((file) => words.every((word) => file.includes(word)));
const isVm = (file: string) => file.startsWith('test/vm/') || isChaos(file);
if (only !== '--vm') await runUnitTests(chosen.filter((file) => !isVm(file)));
if (only !== '--unit') await runMachineTests(chosen.filter(isVm).sort(byLength));
finish();

async function checkAll(): Promise<void> {
  for (const { name, problems } of await runChecks(ROOT)) {
    say(problems.length === 0 ? 'ok  ' : 'FAIL', `check: ${name}`);
    for (const problem of problems.slice(0, 20)) console.log(`       ${problem}`);
    if (problems.length === 0) tally.passed++;
    else tally.failed++;
  }
}

/** For sort(), which keeps the order of files that are equal. */
function byLength(a: string, b: string): number {
  const [first, second] = [a, b].map((file) =>
    LONGEST_FIRST.findIndex((name) => file === `test/vm/${name}.test.ts`),
  );
  return (first! < 0 ? Infinity : first!) - (second! < 0 ? Infinity : second!) || 0;
}

/** Emulated machines use one core each, and a chain is not to be slowed down by another. */
function machinesAtOnce(): number {
  return only === '--chaos' ? 1 : Math.max(1, Math.min(2, availableParallelism()));
}

/** A process for each processor, with every so many of the files: many wait for something else. */
async function runUnitTests(files: readonly string[]): Promise<void> {
  const shares = Array.from({ length: Math.min(2, availableParallelism()) }, () => [] as string[]);
  for (const [index, file] of files.entries()) shares[index % shares.length]!.push(join(ROOT, file));
  const share = join(import.meta.dirname, 'unit-share.ts');
  await Promise.all(
    shares
      .filter(({ length }) => length > 0)
      .map((argv) => follow(run({ files: [share], argv, cwd: ROOT }), { isEachTold: false })),
  );
  if (files.length > 0) say('done', `unit tests: ${files.length} files, ${tally.passed} passed so far`);
}

/** Each file has a process of its own, so that its machines end with it. */
async function runMachineTests(files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  const tests = run({
    files: files.map((file) => join(ROOT, file)),
    concurrency: machinesAtOnce(),
    timeout: FILE_TIMEOUT_MS,
    cwd: ROOT,
  });
  await follow(tests, { isEachTold: true });
}

async function follow(tests: ReturnType<typeof run>, how: { readonly isEachTold: boolean }): Promise<void> {
  tests.on('test:pass', ({ name, file, skip, details }) => {
    if (details.type === 'suite' || isFileItself(name)) return;
    if (skip !== undefined && skip !== false) {
      tally.skipped.push(`${name}: ${skip === true ? 'no reason given' : skip}`);
      return;
    }
    tally.passed++;
    if (how.isEachTold) say('ok  ', `${place(file)}: ${name} (${(details.duration_ms / 1000).toFixed(1)} s)`);
  });
  tests.on('test:fail', ({ name, file, details }) => {
    tally.failed++;
    say('FAIL', `${place(file)}: ${name}`);
    console.log(describeFailure(details.error));
  });
  tests.on('test:stderr', ({ message }) => process.stderr.write(message));
  tests.resume();
  await new Promise((resolve) => tests.on('end', resolve));
}

/** In process isolation each file is a test of its own; its tests are what counts. */
function isFileItself(name: string): boolean {
  return name.endsWith('.test.ts') || name.endsWith('unit-share.ts');
}

function place(file: string | undefined): string {
  return file === undefined ? '' : relative(ROOT, file);
}

function say(word: string, text: string): void {
  console.log(`[${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s] ${word} ${text}`);
}

function finish(): void {
  for (const reason of tally.skipped) say('skip', reason);
  if (tally.passed + tally.failed === 0) {
    say('FAIL', 'no test ran');
    tally.failed++;
  }
  const skipped = tally.skipped.length === 0 ? '' : `, ${tally.skipped.length} skipped`;
  console.log(`${tally.passed} passed, ${tally.failed} failed${skipped}`);
  process.exit(tally.failed === 0 ? 0 : 1);
}
