/**
 * How `npm run fuzz` tells the processes of the test files what it wants.
 * @module
 */

/** Names of variables. */
export const ENVIRONMENT = {
  /** Seconds for each property. */
  seconds: 'KHOP_FUZZ_SECONDS',
  /** Of the inputs; not set: another one for each property. */
  seed: 'KHOP_FUZZ_SEED',
  /** The file to which each property adds a line, the number of its inputs. */
  tally: 'KHOP_FUZZ_TALLY',
} as const;
