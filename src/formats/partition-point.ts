/**
 * Binary search.
 * @module
 */

/**
 * Of `length` items of which the first ones are `isBefore` and the others are not, how many are. Asks log2(length)
 * times, whatever the items are.
 */
export function partitionPoint(length: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
