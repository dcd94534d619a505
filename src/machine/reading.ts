/**
 * What came of reading one thing from the machine. The three outcomes are kept apart because a check must
 * count "could not read" as unsafe, while "not there" is often fine.
 * @module
 */
export type Reading<T> =
  | { readonly state: 'read'; readonly value: T; readonly source: string }
  | { readonly state: 'absent'; readonly source: string }
  | { readonly state: 'unreadable'; readonly source: string; readonly reason: string };

/** The value, or undefined when it is absent or unreadable: only for what no safety decision hangs on. */
export function valueOf<T>(reading: Reading<T>): T | undefined {
  return reading.state === 'read' ? reading.value : undefined;
}

/** Why there is no value, for people. */
export function obstacleOf(reading: Exclude<Reading<unknown>, { readonly state: 'read' }>): string {
  return reading.state === 'absent' ? `${reading.source} does not exist` : reading.reason;
}
