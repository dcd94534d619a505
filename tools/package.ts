/**
 * `npm run package`: the executable, the .deb and the tarball, in dist/. The same commit gives the same bytes.
 *
 *   npm run package                  for this machine's architecture
 *   npm run package -- --arch arm64  for the other one
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProcess } from '../src/machine/run-process.ts';
import { VERSION } from '../src/version.ts';
import { buildDeb } from './package/deb.ts';
import { buildExecutable } from './package/executable.ts';
import { readRuntime, type TargetArch } from './package/runtime.ts';
import { measureStarts } from './package/start-time.ts';
import { buildTarball } from './package/tarball.ts';
import { layOutTree } from './package/tree.ts';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

const { values } = parseArgs({ options: { arch: { type: 'string' } } });
await packageAll(targetArch(values.arch ?? process.arch));

function targetArch(word: string): TargetArch {
  if (word === 'x64' || word === 'arm64') return word;
  console.error(`--arch is x64 or arm64, not ${word}`);
  process.exit(2);
}

async function packageAll(arch: TargetArch): Promise<void> {
  const epoch = await lastCommitTime();
  const work = join(DIST, `work-${arch}`);
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const runtime = await readRuntime(arch);
  const executable = join(DIST, arch === process.arch ? 'khop' : `khop-${arch}`);
  await buildExecutable(ROOT, runtime, work, executable);
  await layOutTree(ROOT, executable, runtime, join(work, 'tree'), epoch);
  const files = [
    executable,
    await buildDeb(ROOT, work, DIST, arch, epoch),
    await buildTarball(work, DIST, arch, epoch),
  ];
  const sums: string[] = [];
  for (const file of files) {
    const bytes = await readFile(file);
    sums.push(`${createHash('sha256').update(bytes).digest('hex')}  ${basename(file)}`);
    console.log(`${basename(file).padEnd(34)} ${(await sizeMiB(file)).toFixed(1)} MiB`);
  }
  await writeFile(
    join(DIST, arch === process.arch ? 'SHA256SUMS' : `SHA256SUMS-${arch}`),
    `${sums.join('\n')}\n`,
  );
  if (arch === process.arch) printStart(join(work, 'tree/usr/lib/khop/khop'), runtime.node);
  await rm(work, { recursive: true });
}

/** Beside the runtime's own start, which nothing that runs on it can be below. */
function printStart(khop: string, node: string): void {
  const programs = [
    { name: 'khop --version', file: khop, args: ['--version'], expected: VERSION },
    { name: 'node -e 0', file: node, args: ['-e', '0'], expected: '' },
  ];
  console.log('start-up, 20 runs by turns:       wall time (median)   CPU time (mean)');
  measureStarts(programs).forEach(({ wallMs, cpuMs }, index) => {
    const name = `  ${programs[index]?.name}`.padEnd(34);
    console.log(`${name}${wallMs.toFixed(0).padStart(15)} ms${cpuMs.toFixed(0).padStart(15)} ms`);
  });
}

/** Seconds since 1970: the date of everything in the packages. */
async function lastCommitTime(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const { stdout } = await runProcess('git', ['log', '-1', '--format=%ct'], { timeoutMs: 10_000, cwd: ROOT });
  return Number(stdout.trim());
}

async function sizeMiB(file: string): Promise<number> {
  return (await stat(file)).size / 2 ** 20;
}
