/**
 * Programs of an administrator that say whether the system is well: listed with what speaks against running one,
 * and run with a deadline.
 * @module
 */
import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { KhopError } from '../error.ts';
import { isHookName } from './hooks.ts';
import type { Reading } from './reading.ts';
import { runProcess } from './run-process.ts';
import { mapReading, readNames } from './source.ts';

/** One file that is meant to be run. */
export interface CheckScript {
  readonly path: string;
  /** Why it must not be run; null: it may. */
  readonly refusal: string | null;
}

/** How a script ended. */
export interface ScriptOutcome {
  /** Null when it was killed or could not be started, see `problem`. */
  readonly exitCode: number | null;
  /** Its last lines, stdout before stderr. */
  readonly lines: readonly string[];
  readonly isLate: boolean;
  /** One line; null when it ended by itself. */
  readonly problem: string | null;
}

/** How to run one. */
export interface ScriptOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Added to a plain environment. */
  readonly environment: Readonly<Record<string, string>>;
}

const EXECUTABLE = 0o100;
const OTHERS_WRITE = 0o022;
const OUTPUT_LIMIT = 1024 * 1024;
const LINES_KEPT = 4;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The executables of a folder with names as run-parts(8) takes them, sorted. One is refused when somebody other than
 * root could have changed it.
 */
export function listCheckScripts(folder: string): Reading<readonly CheckScript[]> {
  return mapReading(readNames('/', folder), (names) => {
    const folderProblem = changeableBy(folder);
    return names
      .filter(isHookName)
      .map((name) => join(folder, name))
      .filter(isExecutable)
      .map((path) => ({ path, refusal: folderProblem ?? changeableBy(path) ?? null }));
  });
}

function isExecutable(path: string): boolean {
  const stats = statusOf(path);
  return stats?.isFile() === true && (stats.mode & EXECUTABLE) !== 0;
}

function changeableBy(path: string): string | undefined {
  const stats = statusOf(path);
  if (stats === undefined) return `${path} cannot be looked at`;
  if (stats.uid !== 0 && stats.uid !== process.getuid?.())
    return `${path} belongs to user ${stats.uid}, not to root`;
  return (stats.mode & OTHERS_WRITE) === 0 ? undefined : `${path} can be written by others than its owner`;
}

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Runs one with all that it starts. @throws E_CHILD only when `signal` is aborted */
export async function runCheckScript(path: string, options: ScriptOptions): Promise<ScriptOutcome> {
  const { timeoutMs, signal, environment } = options;
  try {
    const {
      exitCode,
      signal: killer,
      stdout,
      stderr,
    } = await runProcess(path, [], {
      timeoutMs,
      signal,
      ownGroup: true,
      maxOutputBytes: OUTPUT_LIMIT,
      cwd: '/',
      env: { PATH, LC_ALL: 'C', ...environment },
      acceptExitCodes: 'any',
    });
    const problem = killer === null ? null : `killed by ${killer}`;
    return { exitCode, lines: lastLines(`${stdout}\n${stderr}`), isLate: false, problem };
  } catch (error) {
    if (!(error instanceof KhopError) || signal.aborted) throw error;
    const [first = '', ...lines] = error.message.split('\n');
    return {
      exitCode: null,
      lines: lastLines(lines.join('\n')),
      isLate: error.code === 'E_TIMEOUT',
      problem: first,
    };
  }
}

function lastLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trim())
    .filter((line) => line !== '')
    .slice(-LINES_KEPT);
}
