/**
 * Loaded before a test file by `npm run fuzz`: properties get a time instead of a number of inputs, and each one
 * writes down how many inputs it was given.
 * @module
 */
import { appendFileSync } from 'node:fs';
import fc, { type GlobalParameters, type RunDetails } from 'fast-check';
import { ENVIRONMENT } from './environment.ts';

/** More than any property gets through in its time. */
const NO_LIMIT = 1_000_000_000;

const { seconds, seed, tally } = ENVIRONMENT;
const limits: GlobalParameters = {
  numRuns: NO_LIMIT,
  interruptAfterTimeLimit: Number(process.env[seconds]) * 1000,
  ...(process.env[seed] === undefined ? {} : { seed: Number(process.env[seed]) }),
  reporter: (details: RunDetails<unknown>) => {
    appendFileSync(process.env[tally]!, `${details.numRuns}\n`);
    if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
  },
};
fc.configureGlobal(limits);
