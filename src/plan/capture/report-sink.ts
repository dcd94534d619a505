/**
 * What every place for a report can do in the capture program. Each function gives back 0 or a negative errno.
 * @module
 */
import type { ProgramFunction } from '../../formats/static-program/functions.ts';

export interface ReportSink {
  /** Makes the place reachable. */
  readonly open: ProgramFunction<readonly []>;
  /** Makes the report durable there: whole or not at all. */
  readonly save: ProgramFunction<readonly []>;
  /** Replaces the steps in it by those so far. */
  readonly saveSteps: ProgramFunction<readonly []>;
  /** Nothing is written any more. */
  readonly close: ProgramFunction<readonly []>;
}
