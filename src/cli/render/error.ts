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

/** What is thrown by code that broke, as an error that asks to be reported. */
export function asKhopError(error: unknown): KhopError {
  if (error instanceof KhopError) return error;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new KhopError('E_INTERNAL', `this should not have happened: ${message}`, {
    hint: 'Nothing was loaded or stopped by this failure; please report it with the text above.',
    cause: error,
  });
}
