/**
 * Programs of a Debian suite, unpacked into the lab's cache and run with their own libraries: nothing of them is
 * installed, and the machine's own suite does not matter.
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder } from '../../src/lab/cache-folder.ts';
import { fetchPackage, findWithDependencies, unpackPackage } from '../../src/lab/debian-packages.ts';
import type { DebianSuite } from '../../src/lab/debian-suite.ts';
import { type ProcessResult, type RunOptions, runProcess } from '../../src/machine/run-process.ts';

/** Which ones. */
export interface WantedPrograms {
  readonly suite: DebianSuite;
  /** Packages that have them. */
  readonly packages: readonly string[];
  /** Packages that those depend on, for scripts and questions that nobody needs here. */
  readonly unused: readonly string[];
}

/** The unpacked packages. */
export interface UnpackedPrograms {
  readonly folder: string;
  /** Of the first package that was asked for. */
  readonly version: string;
  /** @param program its path below `folder` */
  readonly run: (program: string, args: readonly string[], options: RunOptions) => Promise<ProcessResult>;
}

/** Fetches them on first use. */
export async function unpackedPrograms(wanted: WantedPrograms): Promise<UnpackedPrograms> {
  const packages = await findWithDependencies(wanted.suite, wanted.packages, wanted.unused);
  const folder = await cachedFolder({
    kind: 'unpacked-programs',
    inputs: { recipe: 1, packages: packages.map(({ sha256 }) => sha256) },
    timeoutMs: 900_000,
    build: async (target) => {
      for (const each of packages) await unpackPackage(await fetchPackage(each), target);
    },
  });
  // Suites up to bookworm have part of the libraries in /lib itself.
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((path) => join(folder, path));
  const loader = libraries.map((path) => join(path, 'ld-linux-x86-64.so.2')).find((path) => existsSync(path));
  return {
    folder,
    version: packages[0]!.version,
    run: async (program, args, options) =>
      await runProcess(
        loader!,
        ['--library-path', libraries.join(':'), join(folder, program), ...args],
        options,
      ),
  };
}
