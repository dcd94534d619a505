/**
 * What the executable is made from besides khop's own sources: Node.js and koffi's native module, from
 * node_modules for this machine's architecture, from the registry for the other.
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../../src/error.ts';
import { runProcess } from '../../src/machine/run-process.ts';

/** Node's names of the architectures khop is packaged for. */
export type TargetArch = 'x64' | 'arm64';

/** Files of one architecture. */
export interface Runtime {
  readonly arch: TargetArch;
  /** Node.js, not stripped. */
  readonly node: string;
  readonly nodeLicence: string;
  readonly koffi: string;
}

const FETCH_TIMEOUT_MS = 300_000;

/** @param work a folder for what has to be fetched */
export async function readRuntime(root: string, arch: TargetArch, work: string): Promise<Runtime> {
  const node = await packageFolder(root, `node-linux-${arch}`, work);
  const koffi = await packageFolder(root, `@koromix/koffi-linux-${arch}`, work);
  return {
    arch,
    node: join(node, 'bin/node'),
    nodeLicence: join(node, 'LICENSE'),
    koffi: join(koffi, `linux_${arch}/koffi.node`),
  };
}

async function packageFolder(root: string, name: string, work: string): Promise<string> {
  const installed = join(root, 'node_modules', name);
  return existsSync(installed) ? installed : await fetchLocked(root, name, work);
}

/** Fetches the version in package-lock.json, and holds it to the digest there when the lock has one. */
async function fetchLocked(root: string, name: string, work: string): Promise<string> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity?: string } | undefined>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (locked?.integrity === undefined)
    throw new KhopError('E_NOT_FOUND', `package-lock.json has no digest for ${name}`, {
      hint: 'Make the lock again: npm install --package-lock-only.',
    });
  const target = join(work, name.replace('/', '-'));
  await mkdir(target, { recursive: true });
  console.log(`fetching ${name} ${locked.version}`);
  const packed = await runProcess(
    'npm',
    ['pack', '--json', '--pack-destination', target, `${name}@${locked.version}`],
    { timeoutMs: FETCH_TIMEOUT_MS, cwd: target },
  );
  const file = join(target, /"filename": "([^"]+)"/.exec(packed.stdout)?.[1] ?? 'package.tgz');
  const [algorithm = '', digest] = locked.integrity.split(/-(.*)/s);
  if (
    createHash(algorithm)
      .update(await readFile(file))
      .digest('base64') !== digest
  )
    throw new KhopError('E_FORMAT', `${name}: the fetched file is not the one in package-lock.json`, {
      hint: 'Do not use it; find out what the registry serves.',
    });
  await runProcess('tar', ['-xzf', file, '-C', target, '--strip-components=1'], { timeoutMs: 120_000 });
  return target;
}
