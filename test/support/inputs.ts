/**
 * How many inputs a property is given.
 * @module
 */
import fc, { type Parameters } from 'fast-check';

/**
 * So many in a test run, and no more of them after `limitMs`; `npm run fuzz` gives every property a time of its own
 * instead (tools/fuzz/longer-properties.ts).
 */
export function inputs(
  count: number,
  limitMs?: number,
): Pick<Parameters, 'numRuns' | 'interruptAfterTimeLimit'> {
  if (fc.readConfigureGlobal()?.numRuns !== undefined) return {};
  return { numRuns: count, ...(limitMs === undefined ? {} : { interruptAfterTimeLimit: limitMs }) };
}
