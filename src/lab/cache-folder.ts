/**
 * The lab's cache: folders named by what they are made from. A folder is built under another name and
 * renamed into place, so a name that exists is complete; everything may be deleted at any time.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rename, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { removeBuild } from './remove-build.ts';

/** `$KHOP_CACHE`, else `khop` below `$XDG_CACHE_HOME` or `~/.cache`. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env.KHOP_CACHE) return env.KHOP_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'khop');
}

/** What a folder is made from: anything JSON can say, in a fixed order of keys. */
export type CacheInputs = Readonly<Record<string, unknown>>;

/** The first 20 hex digits of the SHA-256 of `inputs`. */
export function cacheKey(inputs: CacheInputs): string {
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 20);
}

/** How to make a folder of the cache. */
export interface CacheRecipe {
  /** First part of the folder's name: `kernel`, `tool-disk`, ... */
  readonly kind: string;
  readonly inputs: CacheInputs;
  /** What was not used for so many days goes when something of its kind is built; 7 unless told. */
  readonly keepDays?: number | undefined;
  /** For waiting for another builder and for building, together. */
  readonly timeoutMs: number;
  /** Fills the empty folder it is given. */
  readonly build: (folder: string) => Promise<void>;
}

/** The folder for `recipe`, built unless it is there. Two processes that ask at once build it once. */
export async function cachedFolder(recipe: CacheRecipe): Promise<string> {
  const folder = join(cacheRoot(), recipe.kind, cacheKey(recipe.inputs));
  if (await isFolder(folder)) return await touched(folder);
  await mkdir(join(cacheRoot(), recipe.kind), { recursive: true });
  await using _lock = await lockFile(`${folder}.lock`, recipe.timeoutMs);
  if (await isFolder(folder)) return await touched(folder);
  await prune(join(cacheRoot(), recipe.kind), recipe.keepDays ?? 7);
  const unfinished = `${folder}.${randomBytes(4).toString('hex')}.unfinished`;
  await mkdir(unfinished);
  try {
    await recipe.build(unfinished);
    await rename(unfinished, folder);
  } catch (cause) {
    await removeBuild(unfinished);
    throw cause;
  }
  return folder;
}

/** Notes that `folder` is in use; see `prune`. */
async function touched(folder: string): Promise<string> {
  await utimes(folder, new Date(), new Date()).catch(() => {});
  return folder;
}

/**
 * Removes what nobody has used for `days`, and what builders that were killed have left. The time of the last
 * change of the folder itself counts: its modification time is whatever the archive in it says.
 */
async function prune(parent: string, days: number): Promise<void> {
  const oldest = Date.now() - days * 24 * 60 * 60 * 1000;
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const { ctimeMs } = await stat(path).catch(() => ({ ctimeMs: Number.POSITIVE_INFINITY }));
    if (ctimeMs < oldest && !name.endsWith('.lock')) await removeBuild(path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** A lock that ends with its holder, however that ends. */
export interface FileLock extends AsyncDisposable {
  readonly path: string;
}

/**
 * Takes an exclusive flock(2) on `path`. Node has no flock, so `flock path cat` holds it: when cat echoes,
 * the lock is ours, and when this process ends, however it ends, cat reads the end of its input.
 * @throws E_BUSY when another process keeps it longer than `timeoutMs`
 */
export async function lockFile(path: string, timeoutMs: number): Promise<FileLock> {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
  const child = spawn('flock', ['--exclusive', '--timeout', String(seconds), path, 'cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.stdin.write('locked\n');
  const isHeld = await Promise.race([
    once(child.stdout, 'data').then(() => true),
    once(child, 'close').then(() => false),
    once(child, 'error').then(() => false),
  ]).catch(() => false);
  if (!isHeld)
    throw new KhopError('E_BUSY', `cannot lock ${path} within ${seconds} s`, {
      hint: 'Another khop builds the same thing, or util-linux (flock) is missing; try again when it is done.',
    });
  return { path, [Symbol.asyncDispose]: () => unlock(child) };
}

async function unlock(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.stdin?.end();
  await closed;
}
