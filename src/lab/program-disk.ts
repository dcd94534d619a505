/**
 * The disk that lab machines mount read-only at /tool/khop: khop itself, bundled from the sources as they
 * are now. It is apart from the tool disk and always of the same size, so that an edit of the sources
 * changes neither the tool disk nor the checkpoints of machines.
 * @module
 */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import type { Architecture } from '../formats/architecture.ts';
import { runProcess } from '../machine/run-process.ts';
import { cachedFolder } from './cache-folder.ts';
import { writeExt4Image } from './ext4-image.ts';
import { hashFolder } from './folder-hash.ts';
import { koffiPackage } from './npm-package.ts';

const PROJECT = join(import.meta.dirname ?? '', '..', '..');
const SIZE_MIB = 48;
const UNUSED_FOLDERS = /\/(vendor|doc)$/;

/** The image: its path. */
export async function programDisk(architecture: Architecture = 'x86-64'): Promise<string> {
  const lock = await readFile(join(PROJECT, 'package-lock.json'), 'utf8').catch(() => undefined);
  if (lock === undefined)
    throw new KhopError('E_LAB', `${PROJECT} is not the source tree of khop`, {
      hint: 'Copy the packaged khop into the machine instead.',
    });
  const folder = await cachedFolder({
    kind: 'program-disk',
    inputs: { recipe: 3, lock, architecture, sources: await hashFolder(join(PROJECT, 'src')) },
    // Every edit of the sources makes another one.
    keepDays: 1,
    timeoutMs: 120_000,
    build: async (target) => {
      const tree = join(target, 'tree');
      await mkdir(join(tree, 'node_modules'), { recursive: true });
      await bundle(tree);
      // They load native code, so they cannot be part of a bundle.
      const native = await koffiPackage(architecture);
      for (const [name, from] of [
        ['koffi', join(PROJECT, 'node_modules', 'koffi')],
        [native.name, native.folder],
      ] as const)
        await cp(from, join(tree, 'node_modules', name), {
          recursive: true,
          filter: (source) => !UNUSED_FOLDERS.test(source),
        });
      await writeExt4Image(tree, join(target, 'program.img'), {
        label: 'khop-program',
        spareMib: 0,
        sizeMib: SIZE_MIB,
      });
      await rm(tree, { recursive: true });
    },
  });
  return join(folder, 'program.img');
}

/** Running the sources as they are would cost seconds a start in an emulated machine. */
async function bundle(target: string): Promise<void> {
  await writeFile(join(target, 'package.json'), '{"type":"module"}\n');
  await runProcess(
    // The native program: its JavaScript wrapper needs a Node.js in PATH and hides the messages.
    join(PROJECT, 'node_modules', '@esbuild', `linux-${process.arch}`, 'bin', 'esbuild'),
    [
      join(PROJECT, 'src', 'cli', 'main.ts'),
      ...['--bundle', '--log-limit=3', '--splitting', '--format=esm', '--platform=node', '--target=node24'],
      ...['--external:koffi', '--sourcemap=inline', '--sources-content=false', `--outdir=${target}`],
      // commander is CommonJS and asks for node: modules by require.
      '--banner:js=import { createRequire as khopRequire } from "node:module"; const require = khopRequire(import.meta.url);',
    ],
    { timeoutMs: 60_000 },
  );
}
