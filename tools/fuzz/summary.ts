/**
 * The last line of `npm run fuzz`.
 * @module
 */

/** What ran. */
export interface FuzzRun {
  readonly files: number;
  /** Tests. */
  readonly failed: number;
  readonly seconds: number;
}

/** @param tally a line for each property: how many inputs it was given */
export function summaryOf(
  tally: string,
  run: FuzzRun,
): { readonly line: string; readonly exitStatus: 0 | 1 } {
  const counts = tally.split('\n').filter(Boolean).map(Number);
  const inputs = counts.reduce((sum, count) => sum + count, 0);
  const { files, failed, seconds } = run;
  const line = `${counts.length} properties of ${files} files, ${inputs} inputs in ${seconds.toFixed(0)} s: ${failed} failed`;
  return { line, exitStatus: failed === 0 && inputs > 0 ? 0 : 1 };
}
