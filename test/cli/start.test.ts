import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');

/** Prints the address of every module that is loaded, Node.js's own left out, on stderr. */
const TRACER = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  import { writeSync } from 'node:fs';
  registerHooks({
    load(url, context, nextLoad) {
      if (url.startsWith('file:')) writeSync(2, 'loaded ' + url + '\\n');
      return nextLoad(url, context);
    },
  });
`)}`;

/** The files of src/ and the packages that khop, run from the sources with `args`, loads. */
function loadedModules(args: readonly string[]): { readonly sources: string[]; readonly packages: string[] } {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', TRACER, join(ROOT, 'src/cli/main.ts'), ...args],
    { encoding: 'utf8', timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  const paths = [...stderr.matchAll(/^loaded file:\/\/(.*)$/gm)].map((match) =>
    decodeURI(match[1] ?? '').slice(ROOT.length + 1),
  );
  const packages = paths.flatMap((path) => /^node_modules\/([^/]+)/.exec(path)?.[1] ?? []);
  return {
    sources: paths.filter((path) => path.startsWith('src/')),
    packages: [...new Set(packages)].sort(),
  };
}

/** Files of lower floors that hold no more than names, which options and their help need. */
const NAMES = ['src/version.ts', 'src/switch/optimisations.ts'];

for (const args of [['--version'], ['--help'], ['switch', '--help'], ['help', 'lab']])
  test(`khop ${args.join(' ')} loads the face, commander, and of the floors below names only`, () => {
    const { sources, packages } = loadedModules(args);
    assert.ok(sources.includes('src/cli/program.ts'));
    const below = sources.filter((path) => !path.startsWith('src/cli/') && !NAMES.includes(path));
    assert.deepEqual(below, []);
    assert.deepEqual(
      sources.filter((path) => path.startsWith('src/cli/render/')),
      [],
    );
    assert.deepEqual(packages, ['commander']);
  });

test('khop kexec’s own name loads no commander', () => {
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--import', TRACER, join(ROOT, 'src/cli/main.ts'), '--version'],
    { encoding: 'utf8', timeout: 60_000, argv0: 'kexec' },
  );
  assert.equal(status, 0, stderr);
  assert.match(stderr, /src\/cli\/kexec\/run-kexec\.ts/);
  assert.doesNotMatch(stderr, /node_modules\/commander/);
});

test('the process has the name of the program, not that of a thread of Node.js', () => {
  const printName = `data:text/javascript,${encodeURIComponent(
    "process.once('exit', () => process.stderr.write(process.getBuiltinModule('fs').readFileSync('/proc/self/comm')))",
  )}`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', printName, join(ROOT, 'src/cli/main.ts'), '--version'],
    { encoding: 'utf8', timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  assert.equal(stderr, 'khop\n');
});
