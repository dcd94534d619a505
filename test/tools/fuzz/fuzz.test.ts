import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ENVIRONMENT } from '../../../tools/fuzz/environment.ts';
import { parseOptions } from '../../../tools/fuzz/options.ts';
import { chooseFiles } from '../../../tools/fuzz/property-files.ts';
import { summaryOf } from '../../../tools/fuzz/summary.ts';

const ROOT = join(import.meta.dirname, '../../..');
const RUN = { files: 2, failed: 0, seconds: 61.4 };

test('a property gets time instead of a number of inputs, says how many it had, and a seed gives the same ones', () => {
  const first = runProperty('true', '7');
  assert.equal(first.status, 0, first.stderr);
  const [seen, tally] = [first.stdout.split(' ').map(Number), Number(first.tally)];
  assert.ok(tally > 1000, `${tally} inputs in a second`);
  assert.equal(seen.length, 20);
  assert.deepEqual(runProperty('true', '7').stdout.split(' ').map(Number), seen);
  assert.notDeepEqual(runProperty('true', '8').stdout.split(' ').map(Number), seen);
});

test('a property that does not hold fails, names its seed, and is counted', () => {
  const { status, stderr, tally } = runProperty('value < 1000', '7');
  assert.equal(status, 1);
  assert.match(stderr, /\{ seed: 7, path: ".*Counterexample: \[1000\]/s);
  assert.ok(Number(tally) > 0);
});

test('the summary counts properties and inputs, and a run without an input has not passed', () => {
  assert.deepEqual(summaryOf('100\n23\n', RUN), {
    line: '2 properties of 2 files, 123 inputs in 61 s: 0 failed',
    exitStatus: 0,
  });
  assert.equal(summaryOf('100\n', { ...RUN, failed: 1 }).exitStatus, 1);
  assert.equal(summaryOf('', RUN).exitStatus, 1);
});

test('files with properties are chosen, those whose path has every word', () => {
  const files = [
    { path: 'test/a.test.ts', text: "import fc from 'fast-check';" },
    { path: 'test/b.test.ts', text: "import { outcomeOf } from '../support/hostile-bytes.ts';" },
    { path: 'test/c.test.ts', text: "import assert from 'node:assert/strict';" },
  ];
  assert.deepEqual(chooseFiles(files, []), ['test/a.test.ts', 'test/b.test.ts']);
  assert.deepEqual(chooseFiles(files, ['b.', 'test']), ['test/b.test.ts']);
  assert.throws(() => chooseFiles(files, ['c.']), /no file with properties has c\. in its path/);
});

test('options have defaults, and what is no number is refused', () => {
  const { jobs, ...rest } = parseOptions([]) as Exclude<ReturnType<typeof parseOptions>, 'help'>;
  assert.ok(jobs >= 1);
  assert.deepEqual(rest, { words: [], seconds: 3, seed: undefined, isList: false });
  assert.equal(parseOptions(['--help']), 'help');
  for (const argv of [
    ['--seconds', '0'],
    ['--seed', 'x'],
    ['--jobs', '0'],
    ['--hours', '1'],
  ])
    assert.throws(() => parseOptions(argv), /--(?:seconds|seed|jobs|hours)/);
});

/** In a process of its own, as a test file. It prints its first twenty inputs. */
function runProperty(predicate: string, seed: string) {
  const folder = mkdtempSync(join(tmpdir(), 'khop-fuzz-test-'));
  try {
    const [file, tally] = [join(folder, 'property.ts'), join(folder, 'tally')];
    const fastCheck = pathToFileURL(join(ROOT, 'node_modules/fast-check/lib/fast-check.js')).href;
    writeFileSync(
      file,
      `import fc from '${fastCheck}';
import { inputs } from '${pathToFileURL(join(ROOT, 'test/support/inputs.ts')).href}';
const seen = [];
fc.assert(fc.property(fc.nat(), (value) => { if (seen.length < 20) seen.push(value); return ${predicate}; }), inputs(5));
process.stdout.write(seen.join(' '));
`,
    );
    const environment = { [ENVIRONMENT.seconds]: '1', [ENVIRONMENT.seed]: seed, [ENVIRONMENT.tally]: tally };
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', join(ROOT, 'tools/fuzz/longer-properties.ts'), file],
      { encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...environment } },
    );
    return { status, stdout, stderr, tally: readFileSync(tally, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
