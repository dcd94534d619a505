/**
 * The TypeScript sources as text.
 * @module
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One file; `path` is relative to the project, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Everything in src/, test/ and tools/. */
export function readSources(root: string): SourceFile[] {
  return ['src', 'test', 'tools']
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}
