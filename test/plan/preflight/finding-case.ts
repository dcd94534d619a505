/**
 * One row of the tables below: an input, and what one check says of it.
 * @module
 */
import type { Severity } from '../../../src/plan/finding.ts';
import type { PreflightInput } from '../../../src/plan/preflight/preflight-check.ts';

/** Check, severity, what the input is, the input. */
export type FindingCase = readonly [id: string, severity: Severity, situation: string, input: PreflightInput];
