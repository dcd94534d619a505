/**
 * Trying to prepare one part of a kernel. A part that cannot be prepared is left to the ordinary way; the other part
 * still counts.
 * @module
 */
import { KhopError } from '../error.ts';
import type { ErrorCode } from '../error-codes.ts';

/** What came of it. */
export interface PartAttempt<T> {
  /** Undefined when there is none. */
  readonly value: T | undefined;
  /** The clause that says why. */
  readonly obstacle: string | null;
  /** Whether the same files come to the same obstacle in an hour. */
  readonly isLasting: boolean;
}

/** What is said of the files, and not of the machine at this moment. */
const SAID_OF_FILES: ReadonlySet<ErrorCode> = new Set(['E_FORMAT', 'E_UNSUPPORTED']);

/** Throws what is no error of khop's own. */
export function attemptPart<T>(work: () => T): PartAttempt<T> {
  try {
    return { value: work(), obstacle: null, isLasting: true };
  } catch (error) {
    if (!(error instanceof KhopError)) throw error;
    return { value: undefined, obstacle: error.message, isLasting: isSaidOfFiles(error) };
  }
}

/** JavaScript says with a RangeError that there is no memory. */
function isSaidOfFiles({ code, cause }: KhopError): boolean {
  return SAID_OF_FILES.has(code) && !(cause instanceof RangeError);
}
