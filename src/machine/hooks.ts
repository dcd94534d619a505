/**
 * Programs that an administrator puts into a folder to be started on an occasion.
 * @module
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from './run-process.ts';

/** As run-parts(8) takes them: what packages leave behind, such as `x.dpkg-old`, is none. */
const NAME = /^[\w-]+(\.(sh|py|pl))?$/;
const EXECUTABLE = 0o100;
const OTHERS_WRITE = 0o022;
const OUTPUT_LIMIT = 1024 * 1024;

/** Absolute paths, sorted; none when there is no such folder. Only programs that nobody but root can change. */
export function listHooks(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter(isHookName)
      .sort()
      .map((name) => join(folder, name))
      .filter(isTrusted);
  } catch {
    return [];
  }
}

/** @param name of a file, without its folder */
export function isHookName(name: string): boolean {
  return NAME.test(name);
}

function isTrusted(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile()) return false;
  const isOurs = stats.uid === 0 || stats.uid === process.getuid?.();
  return isOurs && (stats.mode & EXECUTABLE) !== 0 && (stats.mode & OTHERS_WRITE) === 0;
}

/**
 * Runs one with all that it starts.
 * @param environment besides this process's own
 * @throws E_CHILD, E_TIMEOUT
 */
export async function runHook(
  path: string,
  args: readonly string[],
  timeoutMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const env = { ...process.env, ...environment };
  await runProcess(path, args, { timeoutMs, ownGroup: true, maxOutputBytes: OUTPUT_LIMIT, cwd: '/', env });
}
