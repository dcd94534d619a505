/**
 * The one error class. Faces print it; everything else throws it or lets it pass.
 * @module
 */
import type { ErrorCode } from './error-codes.ts';

/** What a KhopError carries besides its message. */
export interface KhopErrorDetails {
  /** What to do next: one sentence, may name a command. */
  readonly hint: string;
  readonly cause?: unknown;
}

/** A failure that khop understands: `message` says what, whose and where; `hint` says what to do. */
export class KhopError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, details: KhopErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KhopError';
    this.code = code;
    this.hint = details.hint;
  }
}
