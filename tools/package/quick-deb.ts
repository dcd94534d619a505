/**
 * The .deb of the sources as they are, as `npm run package` makes it, but quickly compressed: for machines of
 * the lab.
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDeb } from './deb.ts';
import { buildExecutable } from './executable.ts';
import { readRuntime } from './runtime.ts';
import { layOutTree } from './tree.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Any fixed time: the same sources give the same bytes. */
const EPOCH = 1_700_000_000;

/** For x86-64. */
export async function quickDeb(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'khop-package-vm-'));
  try {
    const runtime = await readRuntime('x64');
    const executable = join(folder, 'khop');
    mkdirSync(join(folder, 'build'));
    await buildExecutable(ROOT, runtime, join(folder, 'build'), executable);
    await layOutTree(ROOT, executable, runtime, join(folder, 'tree'), EPOCH);
    return readFileSync(await buildDeb(ROOT, folder, folder, 'x64', EPOCH, 0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
