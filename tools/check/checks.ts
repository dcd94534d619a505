/**
 * All checks, in one list.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from '../../src/machine/run-process.ts';
import { readHostRequirements } from '../bootstrap/host-packages.mjs';
import { deadExportProblems } from './dead-exports.ts';
import { errorProblems } from './errors.ts';
import { hostProgramProblems } from './host-programs.ts';
import { layerProblems } from './layers.ts';
import { readSources } from './sources.ts';
import { styleProblems } from './style.ts';
import { lockProblems, trackedFileProblems } from './tracked-files.ts';

/** What one check found; no problems: it passed. */
export interface CheckResult {
  readonly name: string;
  readonly problems: readonly string[];
}

const TOOL_TIMEOUT_MS = 600_000;

/** @param root the project's folder */
export async function runChecks(root: string): Promise<CheckResult[]> {
  const sources = readSources(root);
  return [
    { name: 'types', problems: await toolProblems(root, 'node_modules/typescript/bin/tsc', ['--noEmit']) },
    {
      name: 'lint and format',
      problems: await toolProblems(root, 'node_modules/@biomejs/biome/bin/biome', [
        'check',
        '--error-on-warnings',
      ]),
    },
    { name: 'import rules of the floors', problems: layerProblems(sources) },
    { name: 'file sizes, exports and docstrings', problems: styleProblems(sources) },
    { name: 'every export is used', problems: deadExportProblems(sources) },
    { name: 'no hosts and no foreign paths in tracked files', problems: await trackedFileProblems(root) },
    {
      name: 'few runtime packages',
      problems: lockProblems(readFileSync(join(root, 'package-lock.json'), 'utf8')),
    },
    {
      name: 'programs that are run are required of the machine',
      problems: hostProgramProblems(sources, readHostRequirements(root)),
    },
    { name: 'error codes are documented and raised', problems: errorProblems(root, sources) },
  ];
}

/** The lines a tool prints when it fails. */
async function toolProblems(root: string, script: string, args: readonly string[]): Promise<string[]> {
  const result = await runProcess(process.execPath, [script, ...args], {
    timeoutMs: TOOL_TIMEOUT_MS,
    cwd: root,
    acceptExitCodes: 'any',
  });
  if (result.exitCode === 0) return [];
  return `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '');
}
