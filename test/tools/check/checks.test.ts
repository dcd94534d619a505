import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadExportProblems } from '../../../tools/check/dead-exports.ts';
import { compareCodes } from '../../../tools/check/errors.ts';
import { hostProgramProblems } from '../../../tools/check/host-programs.ts';
import { importsOf, layerProblems } from '../../../tools/check/layers.ts';
import type { SourceFile } from '../../../tools/check/sources.ts';
import { styleProblems } from '../../../tools/check/style.ts';
import { forbiddenProblems, lockProblems } from '../../../tools/check/tracked-files.ts';

const source = (path: string, text: string): SourceFile => ({ path, text });

test('an upward import is a problem, a downward one is not', () => {
  const upward = source('src/formats/elf.ts', "import { readMachine } from '../machine/read-machine.ts';\n");
  const downward = source('src/machine/cpu.ts', "import { alignUp } from '../formats/range.ts';\n");
  assert.deepEqual(layerProblems([upward, downward]), [
    'src/formats/elf.ts imports ../machine/read-machine.ts: formats/ may not know machine/',
  ]);
});

test('machine/ and kernels/ do not know each other', () => {
  const sideways = source('src/kernels/uki.ts', "const x = await import('../machine/cpu.ts');\n");
  assert.equal(layerProblems([sideways]).length, 1);
});

test('formats/ may not open files, and only one file may know koffi', () => {
  const opens = source('src/formats/elf.ts', "import { readFileSync } from 'node:fs';\n");
  const calls = source('src/switch/load.ts', "import koffi from 'koffi';\n");
  assert.equal(layerProblems([opens, calls]).length, 2);
});

test('every kind of import is seen', () => {
  const text = [
    "import type { A } from './a.ts';",
    "import {\n  b,\n  c,\n} from './b.ts';",
    "import './c.ts';",
    "export { d } from './d.ts';",
    "const e = await import('./e.ts');",
  ].join('\n');
  assert.deepEqual(importsOf(text).sort(), ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts']);
});

test('a long file, a missing @module, a default export and a missing docstring are problems', () => {
  const problems = styleProblems([
    source('src/plan/long.ts', `/** @module */\n${'\n'.repeat(400)}`),
    source('src/plan/bare.ts', 'const x = 1;\n'),
    source('src/plan/default.ts', '/** @module */\nexport default 1;\n'),
    source('src/plan/silent.ts', '/** @module */\n\nexport function planAll() {}\n'),
  ]);
  assert.equal(problems.length, 4, problems.join('\n'));
});

test('an error code that is undocumented, never raised, or gone is a problem', () => {
  const problems = compareCodes('| `E_GONE` | 1 | it was |\n', []);
  assert.ok(problems.includes('docs/errors.md does not give E_FORMAT with exit status 1'));
  assert.ok(problems.includes('E_FORMAT is raised nowhere'));
  assert.ok(problems.includes('docs/errors.md has E_GONE, which does not exist'));
});

test('an export that nothing uses is a problem, one that its own file or a test uses is not', () => {
  const sources = [
    source(
      'src/plan/a.ts',
      'export function used() {}\nexport function unused() {}\nexport const OWN = 1;\nconst two = OWN;\nexport const TESTED = 1;\n',
    ),
    source('src/plan/b.ts', "import { used } from './a.ts';\nused();\n"),
    source('test/plan/a.test.ts', "import { TESTED } from '../../src/plan/a.ts';\n"),
  ];
  assert.deepEqual(deadExportProblems(sources), ['src/plan/a.ts exports unused, which nothing uses']);
});

test('hosts of registries and paths of one machine are problems', () => {
  const host = ['https:/', 'registry.example.org', 'x'].join('/');
  assert.equal(forbiddenProblems('README.md', `see ${host}`).length, 1);
  assert.equal(forbiddenProblems('README.md', `cd ${['', 'home', 'someone', 'khop'].join('/')}`).length, 1);
  assert.deepEqual(forbiddenProblems('README.md', 'see https://docs.kernel.org/arch/x86/boot.html'), []);
});

test('a seventh runtime package is a problem; tools and platform packages do not count', () => {
  const lock = (count: number): string => {
    const packages: Record<string, object> = { '': {} };
    for (let index = 0; index < count; index++) packages[`node_modules/p${index}`] = {};
    packages['node_modules/tool'] = { dev: true };
    packages['node_modules/platform'] = { optional: true };
    return JSON.stringify({ packages });
  };
  assert.deepEqual(lockProblems(lock(6)), []);
  assert.match(lockProblems(lock(7))[0] ?? '', /has 7 runtime packages, the limit is 6: p0, p1/);
});

test('a program that is run and that no requirement of the verb gives is a problem', () => {
  const lab = source(
    'src/lab/disk.ts',
    "await runProcess('mke2fs', []);\nspawn(\n  // why\n  'du',\n);\nmachine.run('ls');\n",
  );
  const give = (verbs: readonly string[]) => [{ package: 'p', verbs, programs: ['mke2fs', 'du'] }];
  assert.deepEqual(hostProgramProblems([lab], give(['demo', 'test'])), []);
  assert.deepEqual(hostProgramProblems([lab], give(['*'])), []);
  assert.deepEqual(hostProgramProblems([lab], give(['demo'])), [
    'src/lab/disk.ts runs mke2fs, which tools/host-requirements.json has not for test',
    'src/lab/disk.ts runs du, which tools/host-requirements.json has not for test',
  ]);
});

test('a program of a computed name is a problem until the check knows which it can be, and when it is gone', () => {
  const computed = source('src/lab/new.ts', 'await runProcess(tool, []);\n');
  const own = source('test/lab/node.test.ts', "spawnSync(process.execPath, ['-e', '']);\n");
  assert.deepEqual(hostProgramProblems([computed, own], []), [
    'src/lab/new.ts runs a program by a computed name: see tools/check/host-programs.ts',
  ]);
  const gone = source('src/lab/grub-disk.ts', '\n');
  assert.deepEqual(hostProgramProblems([gone], []), [
    'src/lab/grub-disk.ts runs no program by a computed name: see tools/check/host-programs.ts',
  ]);
});
