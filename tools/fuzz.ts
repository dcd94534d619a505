/**
 * `npm run fuzz`: the properties of the unit tests, each for a time. The last line counts them and their inputs.
 * @module
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { describeFailure } from './failed-test.ts';
import { ENVIRONMENT } from './fuzz/environment.ts';
import { type FuzzOptions, HELP, parseOptions } from './fuzz/options.ts';
import { chooseFiles } from './fuzz/property-files.ts';
import { summaryOf } from './fuzz/summary.ts';
import { runTool } from './run-tool.ts';

const ROOT = join(import.meta.dirname, '..');
/** What a file does besides its properties, and properties whose single input takes long. */
const FILE_EXTRA_MS = 600_000;
/** More properties than any file has. */
const PROPERTIES_PER_FILE = 60;

const started = performance.now();
await runTool({ parse: parseOptions, help: HELP, run: main });

async function main(options: FuzzOptions): Promise<number> {
  const all = globSync('test/**/*.test.ts', { cwd: ROOT }).sort();
  const files = chooseFiles(
    all.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
    options.words,
  );
  if (options.isList) {
    console.log(files.join('\n'));
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'khop-fuzz-'));
  try {
    const tally = join(folder, 'tally');
    const failed = await runFiles(files, options, tally);
    const { line, exitStatus } = summaryOf(readFileSync(tally, 'utf8'), {
      files: files.length,
      failed,
      seconds: elapsedSeconds(),
    });
    console.log(line);
    return exitStatus;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each file has a process of its own. Gives back how many tests failed. */
async function runFiles(files: readonly string[], options: FuzzOptions, tally: string): Promise<number> {
  const { seconds, seed, jobs } = options;
  process.env[ENVIRONMENT.seconds] = String(seconds);
  process.env[ENVIRONMENT.tally] = tally;
  if (seed !== undefined) process.env[ENVIRONMENT.seed] = String(seed);
  const stream = run({
    files: files.map((file) => join(ROOT, file)),
    isolation: 'process',
    concurrency: jobs,
    execArgv: ['--import', join(ROOT, 'tools/fuzz/longer-properties.ts')],
    timeout: PROPERTIES_PER_FILE * seconds * 1000 + FILE_EXTRA_MS,
    cwd: ROOT,
  } as Parameters<typeof run>[0]);
  let failed = 0;
  stream.on('test:summary', ({ file, success }) => {
    // The one without a file is of all.
    if (file !== undefined) say(success ? 'ok  ' : 'FAIL', relative(ROOT, file));
  });
  stream.on('test:fail', ({ name, file, details }) => {
    failed++;
    say('FAIL', `${file === undefined ? '' : relative(ROOT, file)}: ${name}`);
    console.log(describeFailure(details.error));
  });
  stream.resume();
  await new Promise((resolve) => stream.on('end', resolve));
  return failed;
}

function say(word: string, text: string): void {
  console.log(`[${elapsedSeconds().toFixed(0).padStart(4)} s] ${word} ${text}`);
}

function elapsedSeconds(): number {
  return (performance.now() - started) / 1000;
}
