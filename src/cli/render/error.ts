/**
 * An error as a person or a program reads it.
 * @module
 */
import { KhopError } from '../../error.ts';
import { ERROR_CODES } from '../../error-codes.ts';
import type { CliContext } from '../context.ts';

/** Three lines: what, why (the causes), what to do. */
export function renderError(error: KhopError, context: Pick<CliContext, 'style'>): string {
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error && causes.length < 4; cause = cause.cause)
    if (!error.message.includes(cause.message)) causes.push(`  because: ${cause.message}`);
  return [
    `${context.style('red', 'khop:')} ${error.message}`,
    ...causes,
    `  ${context.style('dim', 'what to do:')} ${error.hint} (${error.code})`,
  ].join('\n');
}

/** The same facts for `--json`. */
export function errorToJson(error: KhopError): unknown {
  return {
    error: {
      code: error.code,
      message: error.message,
      hint: error.hint,
      exitStatus: exitStatusOf(error),
      ...(error.cause instanceof Error ? { cause: error.cause.message } : {}),
    },
  };
}

export function exitStatusOf(error: unknown): number {
  return error instanceof KhopError ? ERROR_CODES[error.code].exitStatus : 1;
}

/** What to do about a file or a folder, by errno: open(2), write(2), rename(2), fsync(2). */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space there (df -h), then run the command again.',
  EDQUOT: 'The quota there is used up; free some of it, then run the command again.',
  EROFS:
    'That file system is read-only: dmesg may say why. Mount it to be written to, then run the command again.',
  EACCES: 'Run the command as root.',
  EPERM: 'Run the command as root; as root, see with lsattr whether it may be changed.',
  EIO: 'The disk fails: see dmesg.',
};
/** Only who writes gets these; with the others, these calls may have been for reading. */
const OF_WRITING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);
const MAY_READ: ReadonlySet<string> = new Set(['open', 'read', 'scandir', 'stat', 'lstat', 'readlink']);

/** A file that cannot be written, or opened, is the machine's trouble and not khop's. */
function asFileTrouble(error: unknown): KhopError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', path, syscall = '', message }: NodeJS.ErrnoException = error;
  const hint = REMEDIES[code];
  if (hint === undefined || path === undefined) return undefined;
  const [, words = code] = /^E[A-Z]+: ([^,]+)/.exec(message) ?? [];
  const details = { hint, cause: error };
  if (OF_WRITING.has(code) || !MAY_READ.has(syscall))
    return new KhopError('E_UNWRITABLE', `${path} cannot be written: ${words} (${code})`, details);
  return new KhopError('E_UNREADABLE', `${path} cannot be opened: ${words} (${code})`, details);
}

/** What is thrown by code that broke, as an error that asks to be reported. */
export function asKhopError(error: unknown): KhopError {
  if (error instanceof KhopError) return error;
  const trouble = asFileTrouble(error);
  if (trouble !== undefined) return trouble;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new KhopError('E_INTERNAL', `this should not have happened: ${message}`, {
    hint: 'Nothing was loaded or stopped by this failure; please report it with the text above.',
    cause: error,
  });
}
