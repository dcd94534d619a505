/**
 * The preflight: every check over one input, and what they mean together. Touches nothing.
 * @module
 */
import type { Finding } from '../finding.ts';
import { PREFLIGHT_CHECKS } from './checks.ts';
import type { PreflightInput } from './preflight-check.ts';

/** `go`: nothing speaks against it. `ask`: a person should decide. `refuse`: it will not work or is unsafe. */
export type Verdict = 'go' | 'ask' | 'refuse';

/** Findings of all checks that apply, passes included, in the order of the list. */
export function runPreflight(input: PreflightInput): Finding[] {
  return PREFLIGHT_CHECKS.flatMap((check) => check.run(input));
}

/**
 * @param accepted ids that a person has accepted: their warnings no longer ask, and their refusals no longer
 *   refuse where they can be overridden
 */
export function verdictOf(findings: readonly Finding[], accepted: ReadonlySet<string> = new Set()): Verdict {
  const open = findings.filter((finding) => !(finding.isOverridable && accepted.has(finding.id)));
  if (open.some((finding) => finding.severity === 'refusal')) return 'refuse';
  return open.some((finding) => finding.severity === 'warning') ? 'ask' : 'go';
}
