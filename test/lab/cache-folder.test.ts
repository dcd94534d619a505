import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cachedFolder, cacheKey, cacheRoot, lockFile } from '../../src/lab/cache-folder.ts';
import { runProcess } from '../../src/machine/run-process.ts';

const KIND = `test-${process.pid}`;

after(() => rm(join(cacheRoot(), KIND), { recursive: true, force: true }));

test('the cache is where KHOP_CACHE, XDG_CACHE_HOME or HOME says, in this order', () => {
  assert.equal(cacheRoot({ KHOP_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a');
  assert.equal(cacheRoot({ XDG_CACHE_HOME: '/b' }), '/b/khop');
  assert.match(cacheRoot({}), /\/\.cache\/khop$/);
});

test('other inputs give another key, equal ones the same', () => {
  assert.equal(cacheKey({ a: 1 }), cacheKey({ a: 1 }));
  assert.notEqual(cacheKey({ a: 1 }), cacheKey({ a: 2 }));
  assert.match(cacheKey({}), /^[0-9a-f]{20}$/);
});

test('two that ask at once build once and get the same folder', async () => {
  let builds = 0;
  const build = async (folder: string): Promise<void> => {
    builds += 1;
    await writeFile(join(folder, 'file'), 'built');
  };
  const recipe = { kind: KIND, inputs: { name: 'once' }, timeoutMs: 10_000, build };
  const [first, second] = await Promise.all([cachedFolder(recipe), cachedFolder(recipe)]);
  assert.equal(first, second);
  assert.equal(builds, 1);
  assert.equal(await readFile(join(first, 'file'), 'utf8'), 'built');
});

test('a folder whose archive says it is old outlives the next build of its kind', async () => {
  const build = async (folder: string): Promise<void> => utimes(folder, 0, 0);
  const first = await cachedFolder({ kind: KIND, inputs: { name: 'old' }, timeoutMs: 10_000, build });
  await cachedFolder({ kind: KIND, inputs: { name: 'next' }, timeoutMs: 10_000, build });
  assert.ok((await stat(first)).isDirectory());
});

test('a build that fails leaves nothing behind, and the next one tries again', async () => {
  let target = '';
  const failing = {
    kind: KIND,
    inputs: { name: 'failing' },
    timeoutMs: 10_000,
    build: async (folder: string): Promise<void> => {
      target = folder;
      throw new Error('no luck');
    },
  };
  await assert.rejects(cachedFolder(failing), /no luck/);
  await assert.rejects(readFile(target), { code: 'ENOENT' });
  assert.ok(await cachedFolder({ ...failing, build: async () => {} }));
});

test('what a build has mounted is unmounted before its folder goes, and its files stay', {
  skip: process.getuid?.() === 0 ? false : 'only root can mount',
}, async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'khop-mounted-'));
  try {
    await writeFile(join(elsewhere, 'file'), 'of this machine');
    let built = '';
    const build = async (folder: string): Promise<void> => {
      built = folder;
      await mkdir(join(folder, 'dev'));
      await runProcess('mount', ['--bind', elsewhere, join(folder, 'dev')], { timeoutMs: 10_000 });
      throw new Error('killed');
    };
    await assert.rejects(
      cachedFolder({ kind: KIND, inputs: { name: 'mounted' }, timeoutMs: 10_000, build }),
      /killed/,
    );
    await assert.rejects(stat(built), { code: 'ENOENT' });
    assert.equal(await readFile(join(elsewhere, 'file'), 'utf8'), 'of this machine');
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

test('a lock keeps a second taker out until it is let go', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'khop-lock-'));
  const path = join(folder, 'lock');
  {
    await using _held = await lockFile(path, 1000);
    await assert.rejects(lockFile(path, 1000), { code: 'E_BUSY' });
  }
  await using again = await lockFile(path, 1000);
  assert.equal(again.path, path);
  await rm(folder, { recursive: true });
});
