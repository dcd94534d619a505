/**
 * The result of one preflight check.
 * @module
 */

/**
 * `pass`: looked and fine. `note`: worth knowing. `warning`: may go wrong or loses something; asks first.
 * `refusal`: will not work or is unsafe; `--accept ID` overrides where `isOverridable`.
 */
export type Severity = 'pass' | 'note' | 'warning' | 'refusal';

/** One thing that was checked. */
export interface Finding {
  /** Stable, kebab-case, e.g. `lockdown`, `half-of-ram`; documented in docs/checks.md. */
  readonly id: string;
  readonly severity: Severity;
  /** One sentence: what is so. */
  readonly title: string;
  /** What was read, as `source: value`; never empty. */
  readonly evidence: readonly string[];
  /** What to do; empty for `pass`. */
  readonly remedy: string;
  readonly isOverridable: boolean;
}
