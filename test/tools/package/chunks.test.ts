import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { VERSION } from '../../../src/version.ts';
import { bundleKhop, recordCodeCaches } from '../../../tools/package/bundle.ts';
import { codeCacheName } from '../../../tools/package/chunks.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** Some that khop imports, for other commands. */
const COSTLY_BUILTINS = ['child_process', 'crypto', 'net', 'readline/promises', 'zlib'];

/** Runs khop's chunks as the executable does, and reports on stderr what that took. */
const RUNNER = `
  import { existsSync, readFileSync, writeSync } from 'node:fs';
  import { codeCacheName, compileChunk, runChunks } from '${ROOT}/tools/package/chunks.ts';
  const [, folder, ...words] = process.argv;
  process.argv = [process.execPath, 'khop', ...words];
  const before = new Set(process.moduleLoadList);
  const chunks = [];
  process.once('exit', () => {
    const added = process.moduleLoadList.filter((name) => !before.has(name));
    const all = process.moduleLoadList.map((name) => name.split(' ').at(-1));
    writeSync(2, JSON.stringify({ chunks, added, all }));
  });
  runChunks((name) => {
    const cache = folder + '/' + codeCacheName(name);
    const codeCache = existsSync(cache) ? readFileSync(cache) : undefined;
    const script = compileChunk(name, { source: readFileSync(folder + '/' + name), codeCache });
    chunks.push({ name, isCacheTaken: codeCache !== undefined && !script.cachedDataRejected });
    return script;
  }, '/usr/lib/khop/khop');
`;

interface Start {
  readonly stdout: string;
  readonly chunks: readonly { readonly name: string; readonly isCacheTaken: boolean }[];
  /** Modules of Node.js that it loaded. */
  readonly added: readonly string[];
  /** Those, and the ones that were loaded before. */
  readonly all: readonly string[];
}

function start(folder: string, ...words: readonly string[]): Start {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', RUNNER, folder, ...words],
    { encoding: 'utf8', timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  return { stdout, ...JSON.parse(stderr) };
}

describe('the chunks of the executable', () => {
  const work = mkdtempSync(join(tmpdir(), 'khop-chunks-'));
  const folder = join(work, 'chunks');
  before(async () => {
    await bundleKhop(ROOT, folder);
    await recordCodeCaches(ROOT, process.execPath, folder);
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  test('khop --version compiles a quarter of the code at most, with the code caches, and loads no sockets', () => {
    const { stdout, chunks, added, all } = start(folder, '--version');
    assert.equal(stdout, `${VERSION}\n`);
    assert.ok(chunks.every((chunk) => chunk.isCacheTaken));
    const size = (name: string): number => readFileSync(join(folder, name)).length;
    const names = readdirSync(folder).filter((name) => name.endsWith('.js'));
    const sum = (names: readonly string[]): number => names.reduce((total, name) => total + size(name), 0);
    assert.ok(sum(chunks.map(({ name }) => name)) * 4 < sum(names));
    assert.deepEqual(
      COSTLY_BUILTINS.filter((name) => all.includes(name)),
      [],
    );
    assert.deepEqual(added, ['Internal Binding signal_wrap']);
  });

  test('no chunk is left without a code cache, and the same chunks give the same caches', async () => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.js'));
    const again = join(work, 'again');
    cpSync(folder, again, { recursive: true, filter: (path) => !path.endsWith('.cache') });
    await recordCodeCaches(ROOT, process.execPath, again);
    for (const name of names.map(codeCacheName))
      assert.ok(readFileSync(join(again, name)).equals(readFileSync(join(folder, name))), name);
  });

  test('a damaged code cache is not taken, and the chunk runs without', () => {
    const damaged = join(work, 'damaged');
    cpSync(folder, damaged, { recursive: true });
    writeFileSync(join(damaged, 'main.js.cache'), 'not a code cache');
    const { stdout, chunks } = start(damaged, '--version');
    assert.equal(stdout, `${VERSION}\n`);
    assert.equal(chunks.find(({ name }) => name === './main.js')?.isCacheTaken, false);
  });

  test('the same sources give the same chunks', async () => {
    const again = join(work, 'elsewhere');
    await bundleKhop(ROOT, again);
    for (const name of readdirSync(again))
      assert.ok(readFileSync(join(again, name)).equals(readFileSync(join(folder, name))), name);
  });
});
