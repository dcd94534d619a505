/**
 * What must not be in tracked files, and what package-lock.json may hold.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from '../../src/machine/run-process.ts';

/** A privileged program loads as little as can be. */
const RUNTIME_PACKAGE_LIMIT = 6;

/** Hosts of package registries, and folders that exist on one developer's machine only. */
const FORBIDDEN = [
  {
    what: 'the host of a package registry',
    pattern: /https?:\/\/(registry|deb|security|packages)\.[a-z]+\.[a-z]+/,
  },
  { what: 'a path of somebody’s own machine', pattern: /(^|[^\w.$}])\/(work|home\/\w+)\// },
];

/** One sentence for each line that says what it must not. */
export async function trackedFileProblems(root: string): Promise<string[]> {
  const { stdout } = await runProcess('git', ['ls-files', '-z'], { timeoutMs: 30_000, cwd: root });
  return stdout
    .split('\0')
    .filter((path) => path !== '' && !path.includes('/fixtures/'))
    .flatMap((path) => forbiddenProblems(path, readTracked(join(root, path))));
}

/** @param text the file's contents */
export function forbiddenProblems(path: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      FORBIDDEN.filter(({ pattern }) => pattern.test(line)).map(
        ({ what }) => `${path}:${index + 1} has ${what}: ${line.trim().slice(0, 80)}`,
      ),
    );
}

/** A file that was deleted but not yet committed as deleted has nothing to say. */
function readTracked(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly optional?: boolean; readonly devOptional?: boolean }>
  >;
}

/** @param lockText package-lock.json. Platform packages (optional) count as part of what asks for them. */
export function lockProblems(lockText: string): string[] {
  const { packages } = JSON.parse(lockText) as Lock;
  const runtime = Object.entries(packages).filter(
    ([path, { dev, optional, devOptional }]) => path !== '' && !dev && !optional && !devOptional,
  );
  if (runtime.length <= RUNTIME_PACKAGE_LIMIT) return [];
  const names = runtime.map(([path]) => path.replace(/^.*node_modules\//, '')).join(', ');
  return [
    `package-lock.json has ${runtime.length} runtime packages, the limit is ${RUNTIME_PACKAGE_LIMIT}: ${names}`,
  ];
}
