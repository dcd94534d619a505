/**
 * One executable: Node.js with khop's chunks inside. The base is stripped first, because the chunks live in
 * an ELF note that stripping afterwards would break.
 * @module
 */
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../../src/machine/run-process.ts';
import { RUNTIME_OPTIONS } from '../../src/runtime-options.ts';
import { bundleKhop, bundleStart, chunkAssets, recordCodeCaches } from './bundle.ts';
import type { Runtime } from './runtime.ts';

const TIMEOUT_MS = 180_000;
const START = 'start.js';

/** Writes the executable of `runtime`'s architecture to `output`. */
export async function buildExecutable(
  root: string,
  runtime: Runtime,
  work: string,
  output: string,
): Promise<void> {
  const chunks = join(work, 'chunks');
  await bundleKhop(root, chunks);
  // Only the Node.js that will use a code cache can make it.
  if (runtime.arch === process.arch) await recordCodeCaches(root, runtime.node, chunks);
  await bundleStart(root, join(work, START));
  const base = join(work, 'node');
  await copyFile(runtime.node, base);
  await strip(base, runtime);
  const configuration = join(work, 'sea.json');
  await writeFile(
    configuration,
    JSON.stringify({
      // Relative, because the name stays inside the executable.
      main: START,
      assets: await chunkAssets(chunks),
      output,
      executable: base,
      disableExperimentalSEAWarning: true,
      // NODE_OPTIONS of the caller must not change what a privileged program does.
      execArgvExtension: 'none',
      execArgv: RUNTIME_OPTIONS,
    }),
  );
  await rm(output, { force: true });
  await runProcess(process.execPath, ['--build-sea', configuration], { timeoutMs: TIMEOUT_MS, cwd: work });
}

async function strip(file: string, runtime: Runtime): Promise<void> {
  const program = runtime.arch === process.arch ? 'strip' : CROSS_STRIP[runtime.arch];
  try {
    await runProcess(program, [file], { timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (runtime.arch === process.arch) throw error;
    console.log(
      `not stripped: there is no ${program} here (Debian's binutils has one for each architecture)`,
    );
  }
}

const CROSS_STRIP = { x64: 'x86_64-linux-gnu-strip', arm64: 'aarch64-linux-gnu-strip' } as const;
