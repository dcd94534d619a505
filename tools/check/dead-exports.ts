/**
 * Exports that nothing uses, neither their own file nor another one. Names are compared as words, in the file
 * itself and in those that import it: a name that is written only where it is declared is dead.
 * @module
 */
import { posix } from 'node:path';
import { importsOf } from './layers.ts';
import type { SourceFile } from './sources.ts';

/** One sentence for each export of a value in src/ or tools/ that nothing uses, tests included. */
export function deadExportProblems(sources: readonly SourceFile[]): string[] {
  const importers = importersOf(sources);
  return sources
    .filter(({ path }) => !path.startsWith('test/'))
    .flatMap((source) =>
      exportedValues(source.text)
        .filter((name) => countWord(source.text, name) === 1)
        .filter((name) => !(importers.get(source.path) ?? []).some((text) => countWord(text, name) > 0))
        .map((name) => `${source.path} exports ${name}, which nothing uses`),
    );
}

function importersOf(sources: readonly SourceFile[]): Map<string, string[]> {
  const importers = new Map<string, string[]>();
  for (const { path, text } of sources)
    for (const target of importsOf(text).filter((name) => name.startsWith('.'))) {
      const file = posix.normalize(posix.join(posix.dirname(path), target));
      importers.set(file, [...(importers.get(file) ?? []), text]);
    }
  return importers;
}

/** Types are left out: a type may be exported for the sake of a signature that others only call. */
function exportedValues(text: string): string[] {
  const pattern = /^export (?:async )?(?:abstract )?(?:function\*?|class|const|let) (\w+)/gm;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

function countWord(text: string, name: string): number {
  return text.match(new RegExp(`\\b${name}\\b`, 'g'))?.length ?? 0;
}
