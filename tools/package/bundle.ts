/**
 * The scripts inside the executable, made by esbuild from the sources.
 * @module
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type BuildOptions, build, type TransformOptions, transform } from 'esbuild';
import { runProcess } from '../../src/machine/run-process.ts';
import { LAZY_BUILTINS } from './lazy-builtins.ts';

const TIMEOUT_MS = 60_000;

const OUTPUT = {
  platform: 'node',
  target: 'node26',
  // Whitespace and syntax cost start-up time; names stay, for readable stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  charset: 'ascii',
  logLevel: 'warning',
} as const satisfies BuildOptions & TransformOptions;

/**
 * Writes khop's chunks to the new folder `folder`: what `import()` names is apart from what imports it, so a
 * start reads and evaluates what it needs and no more. Each is the function of chunks.ts.
 */
export async function bundleKhop(root: string, folder: string): Promise<void> {
  const { outputFiles } = await build({
    ...OUTPUT,
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outdir: folder,
    write: false,
    bundle: true,
    // esbuild splits ES modules only; inside the executable there are no files to import.
    splitting: true,
    format: 'esm',
    plugins: [LAZY_BUILTINS],
    define: { 'import.meta.url': '__filename', 'import.meta.dirname': '__dirname' },
  });
  await mkdir(folder);
  for (const { path, text } of outputFiles) {
    const { code } = await transform(text, {
      ...OUTPUT,
      format: 'cjs',
      supported: { 'dynamic-import': false },
    });
    const chunk = `(function(require,module,exports,__filename,__dirname){${code}})`;
    await writeFile(join(folder, basename(path)), chunk);
  }
}

/** Writes the code caches of the chunks beside them, for `node`. The same chunks give the same bytes. */
export async function recordCodeCaches(root: string, node: string, folder: string): Promise<void> {
  const recorder = join(root, 'tools/package/record-code-caches.ts');
  // The seed makes the caches the same every time; unlike --hash-seed it leaves them valid.
  await runProcess(node, ['--random-seed=1', recorder, folder, '--help'], { timeoutMs: TIMEOUT_MS });
}

/** Writes what the executable starts with to `file`. */
export async function bundleStart(root: string, file: string): Promise<void> {
  await build({
    ...OUTPUT,
    absWorkingDir: root,
    entryPoints: ['tools/package/start.ts'],
    outfile: file,
    bundle: true,
    format: 'cjs',
  });
}

/** The files of `folder` as assets of an executable: by the names that chunks have for each other. */
export async function chunkAssets(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder)).sort();
  return Object.fromEntries(files.map((file) => [`./${file}`, join(folder, file)]));
}
