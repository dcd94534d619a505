/**
 * How long the packaged executable takes to start, beside Node.js itself: wall time on this host.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../../src/version.ts';
import { buildExecutable } from '../package/executable.ts';
import { readRuntime } from '../package/runtime.ts';
import { measureStarts } from '../package/start-time.ts';
import type { StartUpResult } from './report.ts';

/** @param root the project's folder */
export async function measureStartUp(root: string): Promise<StartUpResult> {
  const work = await mkdtemp(join(tmpdir(), 'khop-bench-'));
  try {
    const runtime = await readRuntime(process.arch === 'arm64' ? 'arm64' : 'x64');
    const khop = join(work, 'khop');
    await buildExecutable(root, runtime, work, khop);
    const [measured, bare] = measureStarts([
      { file: khop, args: ['--version'], expected: VERSION },
      { file: runtime.node, args: ['-e', '0'], expected: '' },
    ]);
    return { khopVersionMs: measured!.wallMs, bareNodeMs: bare!.wallMs };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
