/**
 * Packages of npm with programs of one architecture: from node_modules for this machine's, from the registry for the
 * other.
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';
import { runProcess } from '../machine/run-process.ts';
import { cachedFolder } from './cache-folder.ts';
import { PLATFORMS } from './platform.ts';

const PROJECT = join(import.meta.dirname ?? '', '..', '..');
const FETCH_TIMEOUT_MS = 300_000;

/** Of Node.js: the folder of the package, with `bin/node` and `LICENSE`. @throws E_NOT_FOUND, E_FORMAT, E_CHILD */
export async function nodePackage(architecture: Architecture): Promise<string> {
  return await npmPackage(`node-linux-${PLATFORMS[architecture].node}`);
}

/** Of koffi's native module. @throws E_NOT_FOUND, E_FORMAT, E_CHILD */
export async function koffiPackage(
  architecture: Architecture,
): Promise<{ readonly name: string; readonly folder: string }> {
  const name = `@koromix/koffi-linux-${PLATFORMS[architecture].node}`;
  return { name, folder: await npmPackage(name) };
}

async function npmPackage(name: string): Promise<string> {
  const installed = join(PROJECT, 'node_modules', name);
  if (existsSync(installed)) return installed;
  const { version, integrity } = await lockedPackage(name);
  return await cachedFolder({
    kind: 'npm-package',
    inputs: { recipe: 1, name, version, integrity },
    timeoutMs: 2 * FETCH_TIMEOUT_MS,
    build: async (target) => await fetchPackage(`${name}@${version}`, integrity, target),
  });
}

/** What package-lock.json says of it. */
async function lockedPackage(name: string): Promise<{ version: string; integrity: string }> {
  const lock = JSON.parse(await readFile(join(PROJECT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity?: string } | undefined>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (locked?.integrity === undefined)
    throw new KhopError('E_NOT_FOUND', `package-lock.json has no digest for ${name}`, {
      hint: 'Make the lock again: npm install --package-lock-only.',
    });
  return { version: locked.version, integrity: locked.integrity };
}

async function fetchPackage(wanted: string, integrity: string, target: string): Promise<void> {
  const work = join(target, 'fetched');
  await mkdir(work);
  const packed = await runProcess('npm', ['pack', '--json', '--pack-destination', work, wanted], {
    timeoutMs: FETCH_TIMEOUT_MS,
    cwd: work,
  });
  const file = join(work, /"filename": "([^"]+)"/.exec(packed.stdout)?.[1] ?? 'package.tgz');
  const [algorithm = '', digest] = integrity.split(/-(.*)/s);
  const found = createHash(algorithm)
    .update(await readFile(file))
    .digest('base64');
  if (found !== digest)
    throw new KhopError('E_FORMAT', `${wanted}: the fetched file is not the one in package-lock.json`, {
      hint: 'Do not use it; find out what the registry serves.',
    });
  await runProcess('tar', ['-xzf', file, '-C', target, '--strip-components=1'], { timeoutMs: 120_000 });
  await rm(work, { recursive: true });
}
