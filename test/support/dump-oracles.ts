/**
 * makedumpfile and vmcore-dmesg as Debian has them, unpacked into the lab's cache and run with their own libraries.
 * @module
 */
import { join } from 'node:path';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { fetchPackage, findWithDependencies, unpackPackage } from '../../src/lab/debian-packages.ts';
import { runProcess } from '../../src/machine/run-process.ts';

/** bookworm's makedumpfile has no zstd yet. */
const SUITE = 'trixie';
/** For scripts and questions that nobody needs here. */
const UNUSED = ['perl', 'debconf', 'dpkg'];
const TIMEOUT_MS = 120_000;

/** The unpacked packages. */
export interface DumpOracles {
  readonly makedumpfile: (...args: readonly string[]) => Promise<void>;
  /** What vmcore-dmesg prints for a dump. */
  readonly vmcoreDmesg: (dump: string) => Promise<string>;
}

/** Fetches both on first use. */
export async function dumpOracles(): Promise<DumpOracles> {
  const packages = await findWithDependencies(SUITE, ['makedumpfile', 'kexec-tools'], UNUSED);
  const folder = await cachedFolder({
    kind: 'dump-oracles',
    inputs: { recipe: 1, packages: packages.map(({ sha256 }) => sha256) },
    timeoutMs: 300_000,
    build: async (target) => {
      for (const wanted of packages) await unpackPackage(await fetchPackage(wanted), target);
    },
  });
  const libraries = join(folder, 'usr/lib/x86_64-linux-gnu');
  const run = async (program: string, args: readonly string[]) =>
    await runProcess(
      join(libraries, 'ld-linux-x86-64.so.2'),
      ['--library-path', libraries, join(folder, program), ...args],
      { timeoutMs: TIMEOUT_MS },
    );
  return {
    makedumpfile: async (...args) => {
      await run('usr/bin/makedumpfile', args);
    },
    vmcoreDmesg: async (dump) => (await run('usr/sbin/vmcore-dmesg', [dump])).stdout,
  };
}
