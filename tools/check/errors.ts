/**
 * Every error code is in docs/errors.md, and raised somewhere.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../../src/error-codes.ts';
import type { SourceFile } from './sources.ts';

/** One sentence for each code that is not documented or not raised, and each documented one that is gone. */
export function errorProblems(root: string, sources: readonly SourceFile[]): string[] {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  return compareCodes(page, sources);
}

/** @param page the text of docs/errors.md */
export function compareCodes(page: string, sources: readonly SourceFile[]): string[] {
  const documented = new Map(
    [...page.matchAll(/^\| `(E_\w+)` \| (\d) \|/gm)].map((match) => [match[1]!, Number(match[2])]),
  );
  const raised = sources
    .filter(({ path }) => path.startsWith('src/') && path !== 'src/error-codes.ts')
    .map(({ text }) => text)
    .join('\n');
  const problems: string[] = [];
  for (const [code, { exitStatus }] of Object.entries(ERROR_CODES)) {
    if (documented.get(code) !== exitStatus)
      problems.push(`docs/errors.md does not give ${code} with exit status ${exitStatus}`);
    if (!raised.includes(`'${code}'`)) problems.push(`${code} is raised nowhere`);
  }
  for (const code of documented.keys())
    if (!Object.hasOwn(ERROR_CODES, code)) problems.push(`docs/errors.md has ${code}, which does not exist`);
  return problems;
}
