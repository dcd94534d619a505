/**
 * What is said of repeated measurements.
 * @module
 */

/** The middle value; of an even number the lower one of the two in the middle, so that it was measured. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (middle === undefined) throw new RangeError('no values have no median');
  return middle;
}

/** Largest minus smallest, as a share of the median; 0 for a single value. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}
