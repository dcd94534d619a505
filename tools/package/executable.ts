/**
 * One executable: Node.js with khop's bundle inside. The base is stripped first, because the bundle lives in
 * an ELF note that stripping afterwards would break.
 * @module
 */
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { runProcess } from '../../src/machine/run-process.ts';
import type { Runtime } from './runtime.ts';

const TIMEOUT_MS = 180_000;

/** Writes the executable of `runtime`'s architecture to `output`. */
export async function buildExecutable(
  root: string,
  runtime: Runtime,
  work: string,
  output: string,
): Promise<void> {
  const bundle = join(work, 'khop.mjs');
  await build({
    entryPoints: [join(root, 'src/cli/main.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    // Whitespace and syntax cost start-up time; names stay, for readable stack traces.
    minifySyntax: true,
    minifyWhitespace: true,
    // Loaded from beside the executable, see src/machine/syscall.ts.
    external: ['koffi'],
    logLevel: 'warning',
    absWorkingDir: root,
  });
  const base = join(work, 'node');
  await copyFile(runtime.node, base);
  await strip(base, runtime);
  const configuration = join(work, 'sea.json');
  const isNative = runtime.arch === process.arch;
  await writeFile(
    configuration,
    JSON.stringify({
      // Relative, because the name stays inside the executable.
      main: basename(bundle),
      mainFormat: 'module',
      output,
      executable: base,
      disableExperimentalSEAWarning: true,
      // Machine code of one architecture is of no use to another.
      useCodeCache: isNative,
      // NODE_OPTIONS of the caller must not change what a privileged program does.
      execArgvExtension: 'none',
    }),
  );
  await rm(output, { force: true });
  // The seed makes V8's code cache the same every time; unlike --hash-seed it leaves the cache valid.
  await runProcess(process.execPath, ['--random-seed=1', '--build-sea', configuration], {
    timeoutMs: TIMEOUT_MS,
    cwd: work,
  });
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
